"""Logits and probabilities as integers: the same bits on every machine.

A logit is an integer in 1/256 nat, a probability one in 1/65536. Both tables are computed from
correctly rounded decimal arithmetic, so nothing that is decoded hangs on a floating-point library.
"""

from __future__ import annotations

from decimal import Decimal, localcontext
from functools import lru_cache

import numpy as np

ONE = 1 << 16  # probability 1
LOGIT_UNIT = 256
LARGEST = 3072  # largest logit: 12 nats
SMALLEST = 4  # probabilities stay this far from 0 and from ONE


@lru_cache(maxsize=1)
def tables() -> tuple[np.ndarray, np.ndarray]:
    """``squash`` and ``stretch``.

    Returns
    -------
    squash : int64 (2 * LARGEST + 1,)
        ``squash[x + LARGEST]`` is the probability with the logit x, within
        [SMALLEST, ONE - SMALLEST].
    stretch : int64 (4096,)
        ``stretch[p >> 4]`` is the logit of the probability p.
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
