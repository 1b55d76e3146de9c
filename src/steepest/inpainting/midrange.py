"""Compiled sweeps that replace each pixel by the weighted midrange of its neighbours.

Images are flat: (pixels, channels) with a border of ``reach`` pixels that is never read, so that
neighbours are fixed offsets. The midrange is the centre of the smallest ball in value space that
meets every neighbour y_k at distance d_k: it minimises the steepest slope ``|y_k - c| / d_k``.
"""

from __future__ import annotations

import numpy as np

from ..core.compiled import exact_kernel

_MOST_EXCHANGES = 100
_MOST_HELD = 8  # vectors that determine a ball


@exact_kernel
def _middle(u, i, offsets, distances, count, inside, c):
    """Write the midrange of two numbers, the pair of neighbours with the steepest slope, to c.

    Exchanges the pair for the neighbours that the line through its middle misses most. The slope
    grows with each exchange, so the loop ends.
    """
    value, slope = u[i, 0], -1.0
    for _ in range(_MOST_EXCHANGES):
        above, below = -np.inf, np.inf
        high = low = -1
        for k in range(abs(count)):
            j = i + offsets[k]
            if count < 0 and not inside[j]:
                continue
            t = (u[j, 0] - value) / distances[k]
            if t > above:
                above, high = t, k
            if t < below:
                below, low = t, k
        if high < 0:
            break
        top, bottom = u[i + offsets[high], 0], u[i + offsets[low], 0]
        total = distances[high] + distances[low]
        steeper = (top - bottom) / total
        if steeper <= slope:
            break
        slope = steeper
        value = (distances[low] * top + distances[high] * bottom) / total
    c[0] = value


@exact_kernel
def _through(u, places, distances, members, count, c, work):
    """Write the centre with equal slopes to the given vectors to c; return the squared slope R.

    The centre lies in their convex hull, else the result is negative. With z = c - u_0 = sum of
    a_j y_j for y_j = u_j - u_0, equal slopes say ``2 y_j.z = |y_j|^2 - R (d_j^2 - d_0^2)``, which
    gives a as a linear function of R, and ``|z|^2 = R d_0^2`` gives R.
    """
    channels, m = u.shape[1], count - 1
    root = members[0]
    origin, near = places[root], distances[root] ** 2
    for j in range(m):
        one = members[j + 1]
        for k in range(j, m):
            other = members[k + 1]
            t = 0.0
            for s in range(channels):
                t += (u[places[one], s] - u[origin, s]) * (u[places[other], s] - u[origin, s])
            work[j, k] = work[k, j] = t
        work[j, m] = work[j, j] / 2
        work[j, m + 1] = (near - distances[one] ** 2) / 2
    for j in range(m):  # elimination; the matrix is positive definite, or the subset is of no use
        size = 0.0
        for s in range(channels):
            size += (u[places[members[j + 1]], s] - u[origin, s]) ** 2
        if not work[j, j] > 1e-12 * size:
            return -1.0
        for k in range(m):
            if k != j:
                t = work[k, j] / work[j, j]
                for e in range(j, m + 2):
                    work[k, e] -= t * work[j, e]
    for j in range(m):
        work[j, m] /= work[j, j]
        work[j, m + 1] /= work[j, j]
    p = q = r = 0.0
    for s in range(channels):
        fixed = slope = 0.0
        for j in range(m):
            y = u[places[members[j + 1]], s] - u[origin, s]
            fixed += work[j, m] * y
            slope += work[j, m + 1] * y
        p += slope * slope
        q += fixed * slope
        r += fixed * fixed
    q -= near / 2
    inner = q * q - p * r
    if inner < 0 or q >= 0:
        return -1.0
    value = r / (-q + np.sqrt(inner))
    rest = 1.0
    for j in range(m):
        share = work[j, m] + value * work[j, m + 1]
        if share < -1e-9:
            return -1.0
        rest -= share
    if rest < -1e-9:
        return -1.0
    for s in range(channels):
        c[s] = u[origin, s]
        for j in range(m):
            share = work[j, m] + value * work[j, m + 1]
            c[s] += share * (u[places[members[j + 1]], s] - u[origin, s])
    return value


@exact_kernel
def _squared(u, place, distance, c):
    t = 0.0
    for s in range(len(c)):
        t += (u[place, s] - c[s]) ** 2
    return t / distance**2


@exact_kernel
def _ball(u, i, offsets, distances, count, inside, c, places, trial, work, held, members, kept):
    """Write the centre of the smallest weighted ball around vectors to c.

    The ball is determined by few of them. As long as one lies outside, it joins them, and those
    that the new ball needs are found by trying all subsets. The radius grows, so the loop ends.
    """
    channels = u.shape[1]
    start = -1
    for s in range(channels):
        c[s] = u[i, s]
    far = 0.0
    for k in range(abs(count)):
        places[k] = i + offsets[k]
        if count > 0 or inside[places[k]]:
            t = _squared(u, places[k], distances[k], c)
            if start < 0 or t > far:
                start, far = k, t
    if start < 0:
        return
    held[0], number, radius = start, 1, 0.0
    for s in range(channels):
        c[s] = u[places[start], s]
    for _ in range(_MOST_EXCHANGES):
        worst, out = radius * (1 + 1e-11) + 1e-30, -1
        for k in range(abs(count)):
            if count < 0 and not inside[places[k]]:
                continue
            t = _squared(u, places[k], distances[k], c)
            if t > worst:
                worst, out = t, k
        if out < 0 or number == _MOST_HELD:
            return
        best, chosen = np.inf, 0
        for subset in range(1, 1 << number):
            size = 1
            members[0] = out
            for k in range(number):
                if subset >> k & 1:
                    members[size] = held[k]
                    size += 1
            if size > channels + 1:
                continue
            value = _through(u, places, distances, members, size, trial, work)
            if value < 0 or value >= best or value < radius:
                continue
            fits = True
            for k in range(number):
                if _squared(u, places[held[k]], distances[held[k]], trial) > value * (1 + 1e-9):
                    fits = False
            if fits:
                best, chosen = value, subset
                for s in range(channels):
                    kept[s] = trial[s]
        if chosen == 0:
            return
        radius, size = best, 0
        for k in range(number):
            if chosen >> k & 1:
                held[size] = held[k]
                size += 1
        held[size] = out
        number = size + 1
        for s in range(channels):
            c[s] = kept[s]


@exact_kernel
def sweep(u, unknown, counts, offsets, distances, inside, bounds, awake, relaxation, quiet, back):
    """Visit all pixels that are awake once, and return the largest change that they ask for.

    Parameters
    ----------
    u : (pixels, channels)
        Changed in place.
    unknown : (n,)
        Places of the unknown pixels in ``u``.
    counts : (n,)
        The first ``counts`` of the neighbours are read; if negative, only those inside.
    bounds : (2, channels)
        Range of values, because over-relaxation can leave that of the neighbours.
    awake : (pixels,) Boolean
        Pixels to visit. A pixel falls asleep when it asks for less than ``quiet``, and wakes its
        neighbours when it changes by more.
    relaxation
        Multiple of the change that is made; 0 makes none.
    back
        Whether to visit the pixels in reverse order.
    """
    channels = u.shape[1]
    c, trial, kept = np.empty(channels), np.empty(channels), np.empty(channels)
    work = np.empty((_MOST_HELD, _MOST_HELD + 2))
    places = np.empty(len(offsets), np.int64)
    held, members = np.empty(_MOST_HELD + 1, np.int64), np.empty(_MOST_HELD + 1, np.int64)
    largest = 0.0
    n = len(unknown)
    for m in range(n):
        place = n - 1 - m if back else m
        i = unknown[place]
        if not awake[i]:
            continue
        count = counts[place]
        if channels == 1:
            _middle(u, i, offsets, distances, count, inside, c)
        else:
            _ball(
                u, i, offsets, distances, count, inside, c, places, trial, work, held, members, kept
            )
        change = 0.0
        for s in range(channels):
            change += (c[s] - u[i, s]) ** 2
        change = np.sqrt(change)
        largest = max(largest, change)
        awake[i] = change > quiet
        if relaxation == 0:
            continue
        for s in range(channels):
            value = u[i, s] + relaxation * (c[s] - u[i, s])
            u[i, s] = min(max(value, bounds[0, s]), bounds[1, s])
        if change > quiet:
            for k in range(len(offsets)):
                awake[i + offsets[k]] = True
    return largest
