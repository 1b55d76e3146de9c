"""Compiled loops of the fast summation: spreading and gathering by B-splines, and near pairs."""

import numpy as np

from ..core.compiled import exact_helper, exact_kernel, helper, kernel

CONSTANT = (0.0, 1.0, np.pi / 2, 2.0)  # of slicing in 1, 2 and 3 dimensions


@helper
def _quintic(t, w, d):
    """Write the six quintic B-splines at the fraction t of a cell, and their derivatives."""
    a = 1.0 - t
    for s in range(2):  # the weights are symmetric: t from the left is a from the right
        u = t if s == 0 else a
        u2 = u * u
        u4 = u2 * u2
        last = u4 * u / 120.0
        last_d = u4 / 24.0
        fourth = (1.0 + 5.0 * u * (1.0 + u * (2.0 + u * (2.0 + u - u2)))) / 120.0
        fourth_d = (1.0 + u * (4.0 + u * (6.0 + 4.0 * u - 5.0 * u2))) / 24.0
        third = (26.0 + 10.0 * u * (5.0 + u * (2.0 + u * (-2.0 + u * (-2.0 + u))))) / 120.0
        third_d = (5.0 + u * (4.0 + u * (-6.0 + u * (-8.0 + 5.0 * u)))) / 12.0
        if s == 0:
            w[5], w[4], w[3] = last, fourth, third
            d[5], d[4], d[3] = last_d, fourth_d, third_d
        else:
            w[0], w[1], w[2] = last, fourth, third
            d[0], d[1], d[2] = -last_d, -fourth_d, -third_d


@exact_kernel
def spread(points, low, spacing, grid):
    """Add the B-splines around the points to ``grid``, whose node (3, 3) is at ``low``."""
    wy, wx, d = np.empty(6), np.empty(6), np.empty(6)
    for i in range(len(points)):
        v = (points[i, 0] - low[0]) / spacing
        h = (points[i, 1] - low[1]) / spacing
        y, x = int(np.floor(v)), int(np.floor(h))
        _quintic(v - y, wy, d)
        _quintic(h - x, wx, d)
        for a in range(6):
            for b in range(6):
                grid[y + a + 1, x + b + 1] += wy[a] * wx[b]


@exact_helper
def _product(count, nodes, y, x, wy, wx, dy, dx):
    """Sum ``count`` squared nodes from (y, x) on with the weights of splines and their slopes."""
    f = fy = fx = 0.0
    for a in range(count):
        row = row_d = 0.0
        for b in range(count):
            c = nodes[y + a, x + b]
            row += wx[b] * c
            row_d += dx[b] * c
        f += wy[a] * row
        fy += dy[a] * row
        fx += wy[a] * row_d
    return f, fy, fx


@exact_kernel
def gather(points, low, spacing, grid, value, gradient):
    """Evaluate the spline with the coefficients ``grid`` and its gradient at the points."""
    wy, wx, dy, dx = np.empty(6), np.empty(6), np.empty(6), np.empty(6)
    for i in range(len(points)):
        v = (points[i, 0] - low[0]) / spacing
        h = (points[i, 1] - low[1]) / spacing
        y, x = int(np.floor(v)), int(np.floor(h))
        _quintic(v - y, wy, dy)
        _quintic(h - x, wx, dx)
        f, fy, fx = _product(6, grid, y + 1, x + 1, wy, wx, dy, dx)
        value[i] = f
        gradient[i, 0] = fy / spacing
        gradient[i, 1] = fx / spacing


@exact_helper
def _cell(place, low, size, cells):
    """Return the cell along one axis; places outside belong to the last one."""
    return min(max(int((place - low) / size), 0), cells - 1)


@exact_kernel
def sort_into_cells(points, low, size, cells):
    """Return the order of the points by cells of width ``size``, and where each cell begins."""
    n, total = len(points), cells[0] * cells[1] * cells[2]
    cell, first = np.empty(n, np.int64), np.zeros(total + 1, np.int64)
    for i in range(n):
        z = _cell(points[i, 0], low[0], size, cells[0])
        y = _cell(points[i, 1], low[1], size, cells[1])
        x = _cell(points[i, 2], low[2], size, cells[2])
        cell[i] = (z * cells[1] + y) * cells[2] + x
        first[cell[i] + 1] += 1
    for c in range(total):
        first[c + 1] += first[c]
    place, order = first[:-1].copy(), np.empty(n, np.int64)
    for i in range(n):
        order[place[cell[i]]] = i
        place[cell[i]] += 1
    return order, first


@helper
def _pairs(z, y, x, zs, ys, xs, charges, masses, reach, c):
    """Sum the rest of the distances from (z, y, x), as `near` does for each point."""
    f = fz = fy = fx = bend = tie = 0.0
    inverse = 1.0 / reach
    high, low = c
    for j in range(len(xs)):
        o, p, q = z - zs[j], y - ys[j], x - xs[j]
        square = o * o + p * p + q * q
        r = np.sqrt(square)
        u = max(1.0 - square * (inverse * inverse), 0.0)  # at 0, there is no rest
        smooth = slope = 0.0
        for k in range(len(high)):
            slope = slope * u + smooth
            smooth = smooth * u + high[k]
        for k in range(len(low)):
            slope = slope * u + smooth
            smooth = smooth * u + low[k]
        ratio = 0.0 if square == 0.0 else 1.0 / r
        inside = u > 0.0
        ratio = ratio + 2.0 * inverse * slope if inside else 0.0
        f += charges[j] * (r - reach * smooth) if inside else 0.0
        tie += masses[j] * (1.0 - min(square * 1e300, 1.0))  # a second test is not vectorised
        bend += masses[j] * ratio
        ratio *= charges[j]
        fz += ratio * o
        fy += ratio * p
        fx += ratio * q
    return f, fz, fy, fx, bend, tie


@kernel
def near(places, charges, masses, order, first, cells, begin, end, value, gradient, bend, tied):
    """Sum the rest of the distances of the sorted points begin to end; places (3, N).

    ``cells`` are their numbers along the axes, the lower corner, the reach of the rest, the width
    of a cell, and the coefficients of the smooth part.
    """
    count, low, reach, size, c = cells
    zs, ys, xs = places[0], places[1], places[2]  # contiguous, which unpacking forgets
    span = int(np.ceil(reach / size))
    for k in range(begin, end):
        i = order[k]
        z = _cell(zs[k], low[0], size, count[0])
        y = _cell(ys[k], low[1], size, count[1])
        x = _cell(xs[k], low[2], size, count[2])
        left, right = max(x - span, 0), min(x + span, count[2] - 1)
        value[i] = bend[i] = tied[i] = gradient[i, 0] = gradient[i, 1] = gradient[i, 2] = 0.0
        for plane in range(max(z - span, 0), min(z + span, count[0] - 1) + 1):
            for row in range(max(y - span, 0), min(y + span, count[1] - 1) + 1):
                line = (plane * count[1] + row) * count[2]
                a, b = first[line + left], first[line + right + 1]
                f, fz, fy, fx, near_bend, tie = _pairs(
                    zs[k],
                    ys[k],
                    xs[k],
                    zs[a:b],
                    ys[a:b],
                    xs[a:b],
                    charges[a:b],
                    masses[a:b],
                    reach,
                    c,
                )
                value[i] += f
                gradient[i, 0] += fz
                gradient[i, 1] += fy
                gradient[i, 2] += fx
                bend[i] += near_bend
                tied[i] += tie


@helper
def _cubic(t, w, d):
    """Write the four cubic B-splines at the fraction t of a cell, and their derivatives."""
    a = 1.0 - t
    w[0], w[3] = a * a * a / 6.0, t * t * t / 6.0
    w[1] = 2.0 / 3.0 - t * t * (1.0 - t / 2.0)
    w[2] = 2.0 / 3.0 - a * a * (1.0 - a / 2.0)
    d[0], d[3] = -a * a / 2.0, t * t / 2.0
    d[1] = t * (1.5 * t - 2.0)
    d[2] = -a * (1.5 * a - 2.0)


@exact_kernel
def interpolate(points, margin, coefficients, begin, end, value, gradient):
    """Evaluate a cubic spline and its gradient at the points begin to end.

    Node (``margin``, ``margin``) is at the origin; nodes have distance 1.
    """
    wy, wx, dy, dx = np.empty(4), np.empty(4), np.empty(4), np.empty(4)
    for i in range(begin, end):
        v = points[i, 0] + margin
        h = points[i, 1] + margin
        y, x = int(np.floor(v)), int(np.floor(h))
        _cubic(v - y, wy, dy)
        _cubic(h - x, wx, dx)
        f, fy, fx = _product(4, coefficients, y - 1, x - 1, wy, wx, dy, dx)
        value[i] = f
        gradient[i, 0] = fy
        gradient[i, 1] = fx


@helper
def smooth_distance(r, smoothing, dimension):
    """Return the smoothed distance at r > 0 in 1, 2 or 3 dimensions, and its derivative over r.

    It is the mean of Huber's function over all directions, times the slicing constant, minus its
    value at 0, which would hide the rest if the smoothing is wide.
    """
    e = smoothing
    if r <= e:
        slope = CONSTANT[dimension] / dimension / e
        return r * r / 2 * slope, slope
    least = CONSTANT[dimension] * e / 2
    if dimension == 1:
        return r - least, 1 / r
    if dimension == 3:
        return r + e * (e / r) / 3 - least, (1 - (e / r) * (e / r) / 3) / r
    rest = np.arcsin(e / r)
    s = np.sqrt((r - e) / r) * np.sqrt((r + e) / r)
    inner = rest - s * (e / r)
    return s * r + r * (r / e) / 4 * inner + e / 2 * rest - least, s / r + inner / (2 * e)


@helper
def _field(place, others, weights, smoothing, slope, sign):
    """Return the sum of distances from a place (d,) to others (B, d, n), curvature and tied mass.

    Adds ``sign`` times its gradient to ``slope`` (d,). ``weights`` are (B, n). A block of n stays
    in the cache.
    """
    blocks, d, n = others.shape
    total = curvature = tie = 0.0
    square = np.empty(n)
    for b in range(blocks):
        part, mass = others[b], weights[b]
        square[:] = 0.0
        for k in range(d):
            x = place[k]
            for j in range(n):
                square[j] += (x - part[k, j]) ** 2
        if smoothing > 0:
            for j in range(n):
                value, ratio = smooth_distance(np.sqrt(square[j]), smoothing, d)
                total += mass[j] * value
                square[j] = mass[j] * ratio
                curvature += square[j]
        else:
            for j in range(n):
                same = square[j] == 0.0
                r = np.sqrt(square[j])
                inverse = 0.0 if same else 1.0 / r
                total += mass[j] * r
                tie += mass[j] if same else 0.0
                square[j] = mass[j] * inverse
                curvature += square[j]
        for k in range(d):
            pull, x = 0.0, place[k]
            for j in range(n):
                pull += square[j] * (x - part[k, j])
            slope[k] += sign * pull
    return total, curvature, tie


@kernel
def direct(points, own, target, smoothing, begin, end, near, far, slope, bend, tied):
    """Sum all pairs for the points (N, d) begin to end; ``own`` and ``target`` are blocks.

    Writes the mean distances to the target and to the points (N,), N times the gradient of the
    energy (N, d), the curvature of Weiszfeld's parabola (N,), and the target's mass at each point.
    """
    for i in range(begin, end):
        place, pull = points[i], slope[i]
        pull[:] = 0.0
        near[i], bend[i], tied[i] = _field(place, target[0], target[1], smoothing, pull, 1.0)
        far[i], _, _ = _field(place, own[0], own[1], smoothing, pull, -1.0)


@exact_kernel
def line_sums(places, charges, smoothing, value, slope):
    """Sum Huber's function of the distances on a line, and its derivative, for sorted places.

    The function is less its value at 0. Without smoothing it is the distance; equal places do not
    push each other.
    """
    n = len(places)
    sums = np.zeros((n + 1, 2))
    for i in range(n):
        sums[i + 1, 0] = sums[i, 0] + charges[i]
        sums[i + 1, 1] = sums[i, 1] + charges[i] * places[i]
    a = b = 0  # the places within ``smoothing`` are a to b
    x = first = second = 0.0  # moments of their charges around x, in units of ``smoothing``
    width = smoothing if smoothing > 0 else 1.0  # then all moments are 0
    for i in range(n):
        before, x = x, places[i]
        while places[a] < x - smoothing:
            if a < b:
                away = (before - places[a]) / width
                first -= charges[a] * away
                second -= charges[a] * away * away
            a += 1
        if a < b:
            q, move = sums[b, 0] - sums[a, 0], (x - before) / width
            second += move * (2 * first + move * q)
            first += move * q
        else:
            b, first, second = a, 0.0, 0.0
        while b < n and places[b] <= x + smoothing:
            away = (x - places[b]) / width
            first += charges[b] * away
            second += charges[b] * away * away
            b += 1
        q = sums[n, 0] - (sums[b, 0] - sums[a, 0])
        outer = sums[a, 0] - (sums[n, 0] - sums[b, 0])
        value[i] = x * outer - sums[a, 1] + sums[n, 1] - sums[b, 1]
        value[i] += smoothing / 2 * (second - q)
        slope[i] = outer + first
