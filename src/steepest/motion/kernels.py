"""Compiled kernels of `variational`: the iteration and its gap, in the layout of `kernels_rows`.

The two components of the displacement are its two channels. They have norms of their own; what
couples them is the data term ``weight h(c + g . u)`` with the Huber function h of width delta.
"""

import numpy as np

from ..convex.compiled.kernels_rows import (
    ALPHA0,
    ALPHA1,
    HALF,
    RELAXATION,
    RIGHT,
    TAU,
    B,
    D,
    P,
    Q,
    W,
    bend,
    move_w,
    relaxed,
    share_waves,
    shrink,
    step_p,
    step_q,
    unbend,
)
from ..convex.compiled.kernels_rows import C as STEP_P
from ..core.compiled import helper, kernel
from ..core.vectors import (
    LANES,
    fill,
    inverse_root,
    load,
    maximum,
    minimum,
    root,
    store,
    total,
    where_less,
)

G, C, WEIGHT, SQUARE = 0, 2, 3, 4  # of the data: g (two components), c, the weight, |g|^2
DATA_SLOTS = 5
_TINY = 1e-12  # of |g|^2: no texture


@helper
def _one_sided(n0, n1, alpha, along, zero, one):
    """The factors of both components for the ball, or without a lower bound for one of them.

    ``along`` is 0 or 1 for the component that may be any negative number, else -1.
    """
    inside = shrink(n0 * n0 + n1 * n1, alpha, one)
    f0, f1 = inside, inside
    if along == 0:
        other = shrink(n1 * n1, alpha, one)
        f0, f1 = where_less(n0, zero, one, inside), where_less(n0, zero, other, inside)
    if along == 1:
        other = shrink(n0 * n0, alpha, one)
        f1, f0 = where_less(n1, zero, one, inside), where_less(n1, zero, other, inside)
    return f0, f1


@helper
def _descend(data, state, work, masks, numbers, delta, r, new, rho):
    """u and w of row r, and their extrapolation."""
    height, stride, row = state.shape[2] - 2, state.shape[3], work.shape[5]
    plane = (height + 2) * stride
    size, wide = 2 * plane, 2 * row
    zero, one, two = fill(state, 0.0), fill(state, 1.0), fill(state, 2.0)
    half, tau, omega = fill(state, HALF), fill(state, numbers[TAU]), fill(state, numbers[B])
    tiny, width = fill(state, _TINY), fill(state, delta)
    top = half if r > 0 else zero
    step = omega if r < height - 1 else zero
    for j in range(0, stride, LANES):
        at = (r + 1) * stride + j
        g0, g1 = load(data, at), load(data, plane + at)
        limit = tau * load(data, WEIGHT * plane + at)
        flow0 = load(state, P * size + at) - load(state, P * size + at - stride)
        flow0 += load(state, (P + 1) * size + at)
        flow0 = flow0 - load(state, (P + 1) * size + at - 1)
        y = at + plane
        flow1 = load(state, P * size + y) - load(state, P * size + y - stride)
        flow1 += load(state, (P + 1) * size + y)
        flow1 = flow1 - load(state, (P + 1) * size + y - 1)
        u0, u1 = load(state, at), load(state, y)
        d0, d1 = tau * flow0, tau * flow1
        value = load(data, C * plane + at) + g0 * (u0 + d0) + g1 * (u1 + d1)
        square = load(data, SQUARE * plane + at) + width / maximum(limit, tiny)
        value = value / maximum(square, tiny)
        value = maximum(minimum(value, limit), zero - limit)
        d0, d1 = d0 - value * g0, d1 - value * g1
        store(state, at, u0 + rho * d0)
        store(state, y, u1 + rho * d1)
        store(work, new + j, u0 + two * d0)
        store(work, new + row + j, u1 + two * d1)
        for n in range(2):
            x, to = n * plane + at, new + n * row + j
            p0, p1 = load(state, P * size + x), load(state, (P + 1) * size + x)
            r0, r1 = unbend(state, Q, size, x, stride, masks, j, top, one, half)
            d0, d1 = step * (p0 - r0), omega * (p1 - r1)
            move_w(state, work, size, x, to, wide, d0, d1, rho, two)


@helper
def _ascend(state, work, masks, numbers, load_axis, i, new, here, before, rho):
    """p and q of row i, from the rolling rows."""
    height, stride, row = state.shape[2] - 2, state.shape[3], work.shape[5]
    plane = (height + 2) * stride
    size, wide = 2 * plane, 2 * row
    zero, one = fill(state, 0.0), fill(state, 1.0)
    c, d = fill(state, numbers[STEP_P]), fill(state, numbers[D])
    alpha1, alpha0 = fill(state, numbers[ALPHA1]), fill(state, numbers[ALPHA0])
    top = fill(state, HALF) if i > 0 else zero
    step = one if i < height - 1 else zero
    rows = one if 0 < i < height - 1 else zero
    for j in range(0, stride, LANES):
        for n in range(2):
            x, at = n * plane + (i + 1) * stride + j, n * row
            n0, n1 = step_p(
                state, work, size, x, new + at, here + at, wide, masks, j, step, c, True
            )
            along = load_axis if n == load_axis else -1
            f0, f1 = _one_sided(n0, n1, alpha1, along, zero, one)
            relaxed(state, P * size + x, f0 * n0, rho)
            relaxed(state, (P + 1) * size + x, f1 * n1, rho)
            m0, m1, m2 = step_q(
                state, work, size, x, here + at, before + at, wide, masks, j, d, rows, top
            )
            of_q = shrink(m0 * m0 + m1 * m1 + m2 * m2, alpha0, one)
            relaxed(state, Q * size + x, of_q * m0, rho)
            relaxed(state, (Q + 1) * size + x, of_q * m1, rho)
            relaxed(state, (Q + 2) * size + x, of_q * m2, rho)


@helper
def _update(given, r, new, here, before, rho):
    """See `share_waves`."""
    data, state, work, masks, numbers, delta, load_axis = given
    if r < state.shape[2] - 2:
        _descend(data, state, work, masks, numbers, delta, r, new, rho)
    if r > 0:
        _ascend(state, work, masks, numbers, load_axis, r - 1, new, here, before, rho)


@kernel
def iterate(data, state, work, masks, numbers, delta, load_axis, count, turn):
    """Do ``count`` iterations.

    Parameters
    ----------
    data : (DATA_SLOTS, height + 2, stride)
    state : (8, 2, height + 2, stride)
    masks : (NUM_MASKS, stride)
    numbers : (NUM_NUMBERS,)
    delta : of the Huber function
    load_axis : 0 or 1 for a crack part >= 0 along it, else -1
    work, count, turn : see `share_waves`
    """
    given = data, state, work, masks, numbers, delta, load_axis
    share_waves(
        _update, given, state, work, count, fill(state, numbers[RELAXATION]), fill(state, 1.0), turn
    )


@kernel
def measure(data, state, masks, radii, delta, reach, load_axis, first, last, sums):
    """Set rows ``first`` to ``last`` of ``sums`` to the energy and the gap of these rows.

    The gap is a sum of terms >= 0: for s in [-weight, weight], v = grad u - w and e = E w,

        weight h(rho) - s rho + delta s^2 / (2 weight) + alpha1 |v| - p.v + alpha0 |e| - q.e
            + reach[0] |s g - div p| + reach[1] |p - E* q|
    """
    height, stride = state.shape[2] - 2, state.shape[3]
    plane = (height + 2) * stride
    size = 2 * plane
    zero, one, two = fill(state, 0.0), fill(state, 1.0), fill(state, 2.0)
    half, width = fill(state, HALF), fill(state, delta)
    alpha1, alpha0 = fill(state, radii[0]), fill(state, radii[1])
    of_u, of_w, tiny = fill(state, reach[0]), fill(state, reach[1]), fill(state, _TINY)
    for i in range(first, last):
        top = half if i > 0 else zero
        lower = one if i < height - 1 else zero
        rows = one if 0 < i < height - 1 else zero
        sums[i, :] = 0.0
        for j in range(0, stride, LANES):
            at = (i + 1) * stride + j
            right = load(masks, RIGHT * stride + j)
            energy, gap, a0, a1 = zero, zero, zero, zero
            for n in range(2):
                x = n * plane + at
                p0, p1 = load(state, P * size + x), load(state, (P + 1) * size + x)
                before = load(state, P * size + x - stride)
                a0, a1 = a1, before - p0 + load(state, (P + 1) * size + x - 1) - p1
                u = load(state, x)
                w0, w1 = load(state, W * size + x), load(state, (W + 1) * size + x)
                v0 = lower * (load(state, x + stride) - u - w0)
                v1 = right * (load(state, x + 1) - u) - w1
                e0, e1, e2 = bend(state, W * size, x, x - stride, size, masks, j, rows, top)
                gap = gap - p0 * v0 - p1 * v1 - load(state, Q * size + x) * e0
                gap = gap - load(state, (Q + 1) * size + x) * e1
                gap = gap - load(state, (Q + 2) * size + x) * e2
                if n == load_axis and load_axis == 0:
                    energy += (alpha1 + maximum(zero - p0, zero)) * maximum(zero - v0, zero)
                    v0 = maximum(v0, zero)
                if n == load_axis and load_axis == 1:
                    energy += (alpha1 + maximum(zero - p1, zero)) * maximum(zero - v1, zero)
                    v1 = maximum(v1, zero)
                energy += alpha1 * root(v0 * v0 + v1 * v1)
                energy += alpha0 * root(e0 * e0 + e1 * e1 + e2 * e2)
                r0, r1 = unbend(state, Q, size, x, stride, masks, j, top, one, half)
                r0, r1 = lower * (p0 - r0), p1 - r1
                gap += of_w * root(r0 * r0 + r1 * r1)
            g0, g1 = load(data, at), load(data, plane + at)
            weight, square = load(data, WEIGHT * plane + at), load(data, SQUARE * plane + at)
            rho = load(data, C * plane + at) + g0 * load(state, at) + g1 * load(state, plane + at)
            # the dual number of weight h(rho), and half its square over weight, times delta
            curve = width / maximum(weight + weight, tiny)
            s = maximum(minimum(rho * weight / maximum(width, tiny), weight), zero - weight)
            energy += s * (rho - curve * s)
            # a good s for the least of weight h(rho + g.d) - d.div p over |d| <= reach
            norm = maximum(square, tiny)
            along = (a0 * g0 + a1 * g1) / norm
            across = (a0 * g1 - a1 * g0) * inverse_root(norm)
            slope = rho + two * curve * along
            rest = of_u * of_u * norm - slope * slope
            s = slope * maximum(across, zero - across) * inverse_root(norm * maximum(rest, tiny))
            s = where_less(zero, rest, s - along, where_less(slope, zero, zero - weight, weight))
            s = maximum(minimum(s, weight), zero - weight)
            b0, b1 = s * g0 + a0, s * g1 + a1
            gap += of_u * root(b0 * b0 + b1 * b1) - s * (rho - curve * s)
            sums[i, 0] += total(energy)
            sums[i, 1] += total(gap + energy)


@helper
def _weights(t, value, slope):
    """The six values of quintic B-splines at t in [0, 1), and their derivatives."""
    value[0] = 1.0
    for n in range(1, 6):
        if n == 5:
            slope[0] = -value[0]
            for j in range(1, 5):
                slope[j] = value[j - 1] - value[j]
            slope[5] = value[4]
        value[n] = t / n * value[n - 1]
        for j in range(n - 1, 0, -1):
            value[j] = ((t + n - j) * value[j - 1] + (1.0 - t + j) * value[j]) / n
        value[0] = (1.0 - t) / n * value[0]


@kernel
def sample(coefficients, shape, u, first, last, out):
    """Set rows of ``out``, (3, H, W), to a spline at x + u(x) and to its gradient there.

    ``coefficients`` are those of order 5 of an image of this shape with six more pixels on each
    side. Positions outside of the image are moved to its boundary.
    """
    height, width = shape
    of_y, of_x, to_y, to_x = np.empty(6), np.empty(6), np.empty(6), np.empty(6)
    for i in range(first, last):
        for j in range(out.shape[2]):
            y = min(max(i + np.float64(u[0, i, j]), 0.0), height - 1.0)
            x = min(max(j + np.float64(u[1, i, j]), 0.0), width - 1.0)
            b, a = int(y), int(x)
            _weights(y - b, of_y, to_y)
            _weights(x - a, of_x, to_x)
            value = down = right = 0.0
            for k in range(6):
                here = along = 0.0
                for m in range(6):
                    c = coefficients[b + k + 4, a + m + 4]
                    here += of_x[m] * c
                    along += to_x[m] * c
                value += of_y[k] * here
                down += to_y[k] * here
                right += of_y[k] * along
            out[0, i, j], out[1, i, j], out[2, i, j] = value, down, right


@kernel
def draw_triangles(values, places, out, covered):
    """Draw both triangles of all squares of pixels at their places; the number turned over."""
    channels, height, width = values.shape
    folds = 0
    for i in range(height - 1):
        for j in range(width - 1):
            for half in range(2):
                # corners in the same sense: (i, j), (i + 1, j), (i, j + 1), and the other three
                b, a, d, c, f, e = i + half, j + half, i + 1, j, i, j + 1
                if half == 1:
                    d, c, f, e = i, j + 1, i + 1, j
                y0, x0 = places[0, b, a], places[1, b, a]
                y1, x1 = places[0, d, c] - y0, places[1, d, c] - x0
                y2, x2 = places[0, f, e] - y0, places[1, f, e] - x0
                area = y1 * x2 - y2 * x1
                if area <= 0:
                    folds += 1
                if area == 0:
                    continue
                low = max(int(np.ceil(y0 + min(0.0, y1, y2))), 0)
                high = min(int(np.floor(y0 + max(0.0, y1, y2))), height - 1)
                left = max(int(np.ceil(x0 + min(0.0, x1, x2))), 0)
                right = min(int(np.floor(x0 + max(0.0, x1, x2))), width - 1)
                for y in range(low, high + 1):
                    for x in range(left, right + 1):
                        s = ((y - y0) * x2 - y2 * (x - x0)) / area
                        t = (y1 * (x - x0) - (y - y0) * x1) / area
                        if s < -1e-12 or t < -1e-12 or s + t > 1.0 + 1e-12:
                            continue
                        covered[y, x] = True
                        for n in range(channels):
                            out[n, y, x] = (
                                (1.0 - s - t) * values[n, b, a]
                                + s * values[n, d, c]
                                + t * values[n, f, e]
                            )
    return folds
