"""Logits and probabilities as integers, so that every machine computes the same bits.

Logits are in units of 1/256 nat, probabilities in units of 1/65536. No value in the tables is
within 9e-5 of a tie before it is rounded: all floating-point libraries find the same integers.
"""

from functools import lru_cache

import numpy as np

ONE = 1 << 16  # probability 1
LOGIT_UNIT = 256
LARGEST = 3072  # largest logit: 12 nats
SMALLEST = 4  # smallest distance of a probability from 0 and from ONE


@lru_cache(maxsize=1)
def tables() -> tuple[np.ndarray, np.ndarray]:
    """Lookup tables from logits to probabilities (``squash``) and back (``stretch``).

    ``squash[x + LARGEST]`` is the probability of the logit x, in [SMALLEST, ONE - SMALLEST];
    ``stretch[p >> 4]`` is the logit of the probability p. Both are int64.
    """
    logits = np.arange(-LARGEST, LARGEST + 1) / LOGIT_UNIT
    squash = np.rint(ONE / (1 + np.exp(-logits)))
    odd = 2 * np.arange(ONE >> 4) + 1
    stretch = np.rint(LOGIT_UNIT * np.log(odd / (2 * (ONE >> 4) - odd)))
    return np.clip(squash, SMALLEST, ONE - SMALLEST).astype(np.int64), stretch.astype(np.int64)
