"""Compiled filters that fit a Cauchy distribution to windows and to groups of patches."""

from __future__ import annotations

import numpy as np

from ..core.compiled import exact_kernel
from .kernels import fit, locate

_FULL = 6  # patches of weight 1; 8 was 0.2 dB worse for noise of scale 5 in 255
_FADING = 0.3  # differences per pixel, in scales, beyond theirs, at which weights fade; 0.6 similar


@exact_kernel
def myriads(padded, places, offsets, scale, output):
    """Write the location of the window around each place; with ``scale`` 0, fit the scale too."""
    n = len(offsets)
    x, w = np.empty(n), np.full(n, 1 / n)
    for i in range(len(places)):
        for k in range(n):
            x[k] = padded[places[i] + offsets[k]]
        if scale > 0:
            output[i] = locate(x, w, np.median(x), scale)
        else:
            output[i], _, _ = fit(x, w, 1.0)


@exact_kernel
def _nearest(pilot, y, x, size, search, scale, chosen, distances):
    """Fill ``chosen`` with the corners of the patches that are most like the one at (y, x)."""
    height, width = pilot.shape
    count, number = len(chosen), 0
    for v in range(max(y - search, 0), min(y + search, height - size) + 1):
        for h in range(max(x - search, 0), min(x + search, width - size) + 1):
            most = distances[count - 1] if number == count else np.inf
            t = 0.0
            for a in range(size):
                for b in range(size):
                    t += ((pilot[y + a, x + b] - pilot[v + a, h + b]) / scale) ** 2
                if t >= most:
                    break
            if t >= most:
                continue
            k = min(number, count - 1)
            number = min(number + 1, count)
            while k > 0 and distances[k - 1] > t:
                distances[k] = distances[k - 1]
                chosen[k] = chosen[k - 1]
                k -= 1
            distances[k] = t
            chosen[k, 0], chosen[k, 1] = v, h
    return number


@exact_kernel
def group(noisy, pilot, corners, size, search, count, scale, total, weight):
    """Add the estimates of the patches at ``corners`` to ``total`` and ``weight``."""
    chosen, distances = np.empty((count, 2), np.int64), np.empty(count)
    sample, w = np.empty(count), np.empty(count)
    for i in range(len(corners)):
        y, x = corners[i]
        number = _nearest(pilot, y, x, size, search, scale, chosen, distances)
        full = distances[min(_FULL, number) - 1]
        for k in range(number):
            # Not by the distance itself: the patch has none to itself, and its outliers would win.
            w[k] = np.exp(min(full - distances[k], 0.0) / (size * _FADING) ** 2)
        for a in range(size):
            for b in range(size):
                for k in range(number):
                    sample[k] = noisy[chosen[k, 0] + a, chosen[k, 1] + b]
                value = locate(sample[:number], w, pilot[y + a, x + b], scale)
                total[y + a, x + b] += value
                weight[y + a, x + b] += 1
