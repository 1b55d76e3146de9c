"""Compiled sweeps that replace each pixel by the weighted midrange of its neighbours.

Images are flat, with a border of ``radius`` pixels that is never read, so that neighbours are fixed
offsets. The midrange of numbers y_k at distances d_k minimises the steepest slope
``|y_k - c| / d_k``.
"""

from __future__ import annotations

import numpy as np

from steepest.core.compiled import exact_helper, exact_kernel

_MOST_EXCHANGES = 100


@exact_helper
def _midrange(u, i, offsets, distances, count, inside):
    """Return the midrange, the mean of the two neighbours with the steepest slope between them.

    Exchanges the pair for the neighbours that the line through its middle misses most. The slope
    grows with each exchange, so the loop ends.
    """
    value, slope = u[i], -1.0
    for _ in range(_MOST_EXCHANGES):
        above, below = -np.inf, np.inf
        high = low = -1
        for k in range(abs(count)):
            j = i + offsets[k]
            if count < 0 and not inside[j]:
                continue
            t = (u[j] - value) / distances[k]
            if t > above:
                above, high = t, k
            if t < below:
                below, low = t, k
        if high < 0:
            break
        top, bottom = u[i + offsets[high]], u[i + offsets[low]]
        total = distances[high] + distances[low]
        steeper = (top - bottom) / total
        if steeper <= slope:
            break
        slope = steeper
        value = (distances[low] * top + distances[high] * bottom) / total
    return value


@exact_kernel
def sweep(
    u, unknown, counts, offsets, distances, inside, low, high, awake, relaxation, quiet, back
):
    """Visit all pixels that are awake once, and return the largest change that they ask for.

    Changes ``u`` (pixels,) at the places ``unknown`` (n,), ``back`` in reverse order. The first
    ``counts`` (n,) of the neighbours are read; if negative, only those inside. Changes are
    multiplied by ``relaxation`` (0 makes none) and clipped to ``low`` and ``high``, because
    over-relaxation can leave the range of the neighbours. Of ``awake`` (pixels,), a pixel falls
    asleep when it asks for less than ``quiet``, and wakes its neighbours when it changes by more.
    """
    largest = 0.0
    n = len(unknown)
    for m in range(n):
        place = n - 1 - m if back else m
        i = unknown[place]
        if not awake[i]:
            continue
        difference = _midrange(u, i, offsets, distances, counts[place], inside) - u[i]
        change = abs(difference)
        largest = max(largest, change)
        awake[i] = change > quiet
        if relaxation == 0:
            continue
        u[i] = min(max(u[i] + relaxation * difference, low), high)
        if change > quiet:
            for k in range(len(offsets)):
                awake[i + offsets[k]] = True
    return largest
