"""Compiled maximum likelihood fits of one sample, of windows, and of groups of patches."""

import numpy as np

from ..core.compiled import exact_kernel

ACCURACY = 1e-13  # relative to the scale
MOST = 1000
_NEWTON = 60
_FULL = 6  # patches of weight 1; 8 was 0.2 dB worse for noise of scale 5 in 255
_FADING = 0.3  # differences per pixel, in scales, beyond theirs, at which weights fade; 0.6 similar


@exact_kernel
def heaviest(x, w, order):
    """Return the largest weight of one value and the value; ``order`` sorts ``x``."""
    best, value, total = -1.0, 0.0, 0.0
    for k in range(len(x)):
        i = order[k]
        if k == 0 or x[i] != x[order[k - 1]]:
            total = 0.0
        total += w[i]
        if total > best:
            best, value = total, x[i]
    return best, value


@exact_kernel
def fit(x, w, dof):
    """Return location, scale and number of iterations; weights add up to 1.

    If the likelihood has no maximum, because one value weighs ``dof / (dof + 1)`` or more, the
    result is that value and the scale 0.
    """
    order = np.argsort(x)
    most, value = heaviest(x, w, order)
    if most >= dof / (dof + 1) * (1 - 1e-12):
        return value, 0.0, 0
    quarter = half = upper = x[order[0]]
    total = 0.0
    for i in order:
        if total < 0.25:
            quarter = x[i]
        if total < 0.5:
            half = x[i]
        if total < 0.75:
            upper = x[i]
        total += w[i]
    spread = (upper - quarter) / 2
    if not spread > 0:
        spread = (x[order[-1]] - x[order[0]]) / 4
    a, g = half, spread
    done = 0
    if dof == 1.0:
        a, g, done = _newton(x, w, a, g)
        if done < _NEWTON:
            return a, g, done
    for k in range(MOST):
        top = bottom = square = 0.0
        for i in range(len(x)):
            z = (x[i] - a) / g
            d = w[i] / (dof + z * z)
            bottom += d
            top += d * z
            square += d * z * z
        step = top / bottom
        growth = np.sqrt(square / bottom)
        a += step * g
        g *= growth
        if abs(step) + abs(growth - 1) <= ACCURACY:
            return a, g, done + k + 1
    return a, g, -1


@exact_kernel
def _newton(x, w, a, g):
    """Find the centre of the points (x - p) / (x - conj p) on the circle, with p = a + i g.

    They average to zero at the maximum of the likelihood. A Moebius map of the disk moves their
    centre by z to first order if ``z - s conj(z) = m``, with the mean m and the mean square s of
    the points. Steps that do not reduce the mean are halved. Returns ``_NEWTON`` iterations if that
    does not help.
    """
    base = p = complex(a, g)
    z, before = 0j, 2.0
    for k in range(_NEWTON):
        m = s = 0j
        for i in range(len(x)):
            u = (x[i] - p) / (x[i] - p.conjugate())
            m += w[i] * u
            s += w[i] * u * u
        if abs(m) < before or abs(z) <= ACCURACY:
            if k > 0 and abs(z) <= ACCURACY:
                return p.real, p.imag, k
            base, before = p, abs(m)
            z = (m + s * m.conjugate()) / (1 - abs(s) ** 2)
            if not abs(z) < np.inf:
                break
            if abs(z) > 0.95:
                z *= 0.95 / abs(z)
        elif before < 1e-13:  # rounding
            return base.real, base.imag, k
        else:
            z /= 2
        p = (base - z * base.conjugate()) / (1 - z)
    return base.real, base.imag, _NEWTON


@exact_kernel
def fit_rows(x, w, dof, location, scale, iterations):
    """Run `fit` on every row of x."""
    for i in range(len(x)):
        location[i], scale[i], iterations[i] = fit(x[i], w, dof)


@exact_kernel
def locate(x, w, start, g):
    """Return the location for a fixed scale: the likelihood's local maximum next to ``start``."""
    a = start
    for _ in range(MOST):
        top = bottom = 0.0
        for i in range(len(x)):
            d = w[i] / (g * g + (x[i] - a) ** 2)
            bottom += d
            top += d * (x[i] - a)
        step = top / bottom
        a += step
        if abs(step) <= 1e-4 * g:
            break
    return a


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
