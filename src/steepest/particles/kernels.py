"""Compiled loops of the fast summation: spreading and gathering by B-splines, and near pairs."""

from __future__ import annotations

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


@exact_kernel
def sort_into_cells(points, low, size, rows, columns):
    """Return the order of the points by cells of width ``size``, and where each cell begins."""
    n = len(points)
    cell, first = np.empty(n, np.int64), np.zeros(rows * columns + 1, np.int64)
    for i in range(n):
        y = min(max(int((points[i, 0] - low[0]) / size), 0), rows - 1)
        x = min(max(int((points[i, 1] - low[1]) / size), 0), columns - 1)
        cell[i] = y * columns + x
        first[cell[i] + 1] += 1
    for c in range(rows * columns):
        first[c + 1] += first[c]
    place, order = first[:-1].copy(), np.empty(n, np.int64)
    for i in range(n):
        order[place[cell[i]]] = i
        place[cell[i]] += 1
    return order, first


@helper
def _pairs(v, h, ys, xs, reach, c):
    """Sum the rest of the distance from (v, h) to the points, and its gradient."""
    f = fy = fx = 0.0
    inverse = 1.0 / reach
    for j in range(len(ys)):
        p, q = v - ys[j], h - xs[j]
        square = p * p + q * q
        r = np.sqrt(square)
        u = min(square * (inverse * inverse), 1.0)  # the rest is 0 from u = 1 on
        smooth = c[0] + u * (c[1] + u * (c[2] + u * (c[3] + u * (c[4] + u * c[5]))))
        slope = 2 * c[1] + u * (4 * c[2] + u * (6 * c[3] + u * (8 * c[4] + u * (10 * c[5]))))
        inside = square < reach * reach
        direction = 1.0 / max(r, 1e-100) - slope * inverse
        f += (r - reach * smooth) if inside else 0.0
        fy += direction * p if inside else 0.0
        fx += direction * q if inside else 0.0
    return f, fy, fx


@kernel
def near(ys, xs, order, first, cells, begin, end, value, gradient):
    """Sum the rest of the distances of the sorted points begin to end.

    ``cells`` are the number of columns, the lower corner, the reach of the rest, the width of a
    cell, and the coefficients of the smooth part.
    """
    columns, low, reach, size, c = cells
    rows = (len(first) - 1) // columns
    span = int(np.ceil(reach / size))
    for k in range(begin, end):
        v, h, i = ys[k], xs[k], order[k]
        y = min(max(int((v - low[0]) / size), 0), rows - 1)
        x = min(max(int((h - low[1]) / size), 0), columns - 1)
        left, right = max(x - span, 0), min(x + span, columns - 1)
        f = fy = fx = 0.0
        for row in range(max(y - span, 0), min(y + span, rows - 1) + 1):
            a, b = first[row * columns + left], first[row * columns + right + 1]
            s, sy, sx = _pairs(v, h, ys[a:b], xs[a:b], reach, c)
            f += s
            fy += sy
            fx += sx
        value[i] = f
        gradient[i, 0] = fy
        gradient[i, 1] = fx


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
def _field(place, others, weights, smoothing, square, slope, sign):
    """Return the sum of distances from a place (d,) to others (d, n), curvature and tied mass.

    Adds ``sign`` times its gradient to ``slope`` (d,). ``square`` (n,) is overwritten.
    """
    d, n = others.shape
    total = curvature = tie = 0.0
    square[:] = 0.0
    for k in range(d):
        for j in range(n):
            square[j] += (place[k] - others[k, j]) ** 2
    if smoothing > 0:
        for j in range(n):
            value, ratio = smooth_distance(np.sqrt(square[j]), smoothing, d)
            total += weights[j] * value
            square[j] = weights[j] * ratio
            curvature += square[j]
    else:
        for j in range(n):
            same = square[j] == 0.0
            r = np.sqrt(square[j])
            total += weights[j] * r
            tie += weights[j] if same else 0.0
            square[j] = 0.0 if same else weights[j] / r
            curvature += square[j]
    for k in range(d):
        pull = 0.0
        for j in range(n):
            pull += square[j] * (place[k] - others[k, j])
        slope[k] += sign * pull
    return total, curvature, tie


@kernel
def direct(points, target, weights, smoothing, begin, end, near, far, slope, bend, tied):
    """Sum all pairs for the points begin to end; points (d, N) and target (d, M).

    Writes the mean distances to the target and to the points (N,), N times the gradient of the
    energy (N, d), the curvature of Weiszfeld's parabola (N,), and the target's mass at each point.
    """
    n = points.shape[1]
    equal = np.full(n, 1 / n)
    squares, own_squares = np.empty(target.shape[1]), np.empty(n)
    for i in range(begin, end):
        place, own = points[:, i].copy(), slope[i]
        own[:] = 0.0
        near[i], bend[i], tied[i] = _field(place, target, weights, smoothing, squares, own, 1.0)
        far[i], _, _ = _field(place, points, equal, smoothing, own_squares, own, -1.0)


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
