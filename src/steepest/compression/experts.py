"""Experts that predict a value: adaptive histograms of the values before it.

Expert 0 counts the values themselves. The others count differences to a reference value, with a
separate histogram for each context:

    expert   reference                                                   context
    1, 2, 3  the nearest, second and third nearest earlier known pixel   its distance
    4        of the six nearest, the one most similar in the previous    the difference there
             channel

All arithmetic is in integers.
"""

import numpy as np

from ..core.compiled import exact_helper

EXPERTS = 5
_CONTEXTS = 6
_MOST = 1 << 20  # a histogram is halved when an entry exceeds this
_GAIN = 128  # added to the entry of a value; neighbouring entries get less


def new_histograms(alphabet: int, typical: int) -> np.ndarray:
    """Histograms (EXPERTS, contexts, 2 alphabet - 1), peaks ``typical`` wide at difference 0."""
    histograms = np.zeros((EXPERTS, _CONTEXTS, 2 * alphabet - 1), np.int64)
    difference = np.abs(np.arange(2 * alphabet - 1) - (alphabet - 1))
    histograms[:] = 8 + 256 * typical // (typical + difference)
    histograms[0, :] = 32
    return histograms


@exact_helper
def references(  # type: ignore[no-untyped-def]
    values, other, near, square, s, alphabet, refs, contexts
):
    """Write the reference value and the context of each expert for value number s."""
    middle = alphabet // 2
    refs[0], contexts[0] = 0, 0
    for k in range(3):
        n = near[s, k]
        d = square[s, k]
        refs[1 + k] = values[n] if n >= 0 else middle
        contexts[1 + k] = 0 if d <= 4 else 1 if d <= 10 else 2 if d <= 25 else 3 if d <= 64 else 4
    best, least = near[s, 0], np.int64(1 << 30)
    for k in range(near.shape[1]):
        n = near[s, k]
        if n >= 0:
            difference = abs(other[n] - other[s])
            if difference < least:
                best, least = n, difference
    refs[4] = values[best] if best >= 0 else middle
    contexts[4] = min(least, 5) if best >= 0 else 5


@exact_helper
def sum_up(histograms, refs, contexts, sums):  # type: ignore[no-untyped-def]
    """Write the cumulative sums of every expert's histogram into (EXPERTS, alphabet + 1)."""
    alphabet = sums.shape[1] - 1
    for k in range(EXPERTS):
        total = np.int64(0)
        shift = alphabet - 1 - refs[k]
        for v in range(alphabet):
            sums[k, v] = total
            total += histograms[k, contexts[k], v + shift]
        sums[k, alphabet] = total


@exact_helper
def count(histograms, refs, contexts, value):  # type: ignore[no-untyped-def]
    """Add a value to the histograms, with a smaller weight for its neighbours."""
    length = histograms.shape[2]
    for k in range(EXPERTS):
        at = value + length // 2 - refs[k]
        for spread in range(-2, 3):
            if 0 <= at + spread < length:
                histograms[k, contexts[k], at + spread] += _GAIN >> (2 * abs(spread))
        if histograms[k, contexts[k], at] > _MOST:
            for i in range(length):
                histograms[k, contexts[k], i] = (histograms[k, contexts[k], i] >> 1) + 1
