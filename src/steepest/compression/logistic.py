"""Logits and probabilities as integers, so that every machine computes the same bits.

Logits are in units of 1/256 nat, probabilities in units of 1/65536. The tables are computed in
correctly rounded decimal arithmetic, so decoding does not depend on a floating-point library.
"""

from decimal import Decimal, localcontext
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
    with localcontext() as context:
        context.prec = 30
        ratio = (Decimal(1) / LOGIT_UNIT).exp()
        power = (Decimal(-LARGEST) / LOGIT_UNIT).exp()
        squash = []
        for _ in range(2 * LARGEST + 1):
            squash.append(int((ONE * power / (1 + power)).to_integral_value()))
            power *= ratio
        stretch = []
        for i in range(4096):
            odds = Decimal(2 * i + 1) / Decimal(8192 - 2 * i - 1)
            stretch.append(int((LOGIT_UNIT * odds.ln()).to_integral_value()))
    return (
        np.clip(np.array(squash, np.int64), SMALLEST, ONE - SMALLEST),
        np.array(stretch, np.int64),
    )
