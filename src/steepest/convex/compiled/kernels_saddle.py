"""Compiled kernels of total generalised variation: the iteration of `saddle`, and its certificate.

An image is ``(channels, height + 2, stride)``: a row of zeros above and below, and rows padded with
zeros to whole vectors. ``state[slot, channel]`` are u, the two components of w and of p, and the
three of q. What the discretisation does not use is always zero: w0 and p0 in the last row, w1 and
p1 in the last column, q00 in the first and the last row, q11 in the first and the last column.
Column masks do the rest; they hold 1 over the spacing, too.

One sweep runs several iterations as a wavefront: each updates u and w of a row, then p and q of the
row above, and is two rows behind the one before. All are in place, with rolling rows of the
extrapolated u and w. Iterations and repair are in the dtype of the state, the certificate is in
float64. The loops never load at j - 1 what they stored at j: waiting for it takes longer than the
arithmetic. Norms are over all channels; with several, what is projected is computed twice.
"""

from __future__ import annotations

from ...core.compiled import helper, kernel
from .vectors import (
    LANES,
    convert,
    fill,
    inverse_root,
    largest,
    load,
    maximum,
    root,
    store,
    total,
    where_less,
)

SLOTS = 8
U, W, P, Q = 0, 1, 3, 5
NUM_MASKS = 5
LEFT, INNER, RIGHT, RIGHT_HALF, OPEN = range(NUM_MASKS)
NUM_ROLLING = 4  # rows of u and w between two iterations
NUM_SUMS = 5
_HALF = 0.5**0.5  # of both terms off the diagonal


@helper
def _shrink(square, radius, one):
    """The factor that projects vectors of this squared norm to the ball."""
    limit = radius * radius
    return where_less(limit, square, radius * inverse_root(maximum(square, limit)), one)


@helper
def _unbend(q, slot, size, x, stride, masks, j, top, g, g_half):
    """``E* q`` of 16 pixels, in the dtype of the masks; the first is not masked in the last row.

    ``g`` is 1 over the spacing along y; ``g_half`` is ``g _HALF``, and ``top`` is that or 0 in the
    first row.
    """
    width = masks.shape[1]
    q0, q1, q2 = slot * size + x, (slot + 1) * size + x, (slot + 2) * size + x
    m = convert(load(q, q1), masks)
    before = convert(load(q, q1 + 1), masks)
    r0 = g * (convert(load(q, q0), masks) - convert(load(q, q0 + stride), masks))
    r0 += load(masks, LEFT * width + j) * m - load(masks, RIGHT_HALF * width + j) * before
    along = convert(load(q, q2), masks) - convert(load(q, q2 + 1), masks)
    below = convert(load(q, q1 + stride), masks)
    r1 = load(masks, RIGHT * width + j) * along
    r1 += load(masks, OPEN * width + j) * (top * m - g_half * below)
    return r0, r1


@helper
def _bend(w, slot, at, before, wide, masks, j, rows, top):
    """``E w`` of 16 pixels, the component along x ``wide`` after the one along y from ``slot``.

    ``at`` and ``before`` are positions of the row and of the row above. ``rows`` is 1 over the
    spacing, or 0 in the first and the last row.
    """
    width = masks.shape[1]
    y, x = slot + at, slot + wide + at
    w0, w1 = convert(load(w, y), masks), convert(load(w, x), masks)
    across = w0 - convert(load(w, y - 1), masks)
    upwards = w1 - convert(load(w, slot + wide + before), masks)
    e0 = rows * (w0 - convert(load(w, slot + before), masks))
    e1 = load(masks, LEFT * width + j) * across + top * upwards
    e2 = load(masks, INNER * width + j) * (w1 - convert(load(w, x - 1), masks))
    return e0, e1, e2


@helper
def _ascent(state, work, size, x, new, here, before, wide, masks, j, step, c, d, rows, top):
    """p and q of 16 pixels of a channel before the projection: a step from the rolling rows."""
    u, w0, w1 = load(work, here + j), load(work, here + wide + j), load(work, here + 2 * wide + j)
    along = load(masks, RIGHT * masks.shape[1] + j) * (load(work, here + j + 1) - u)
    n0 = load(state, P * size + x) + step * (load(work, new + j) - u) - c * w0
    n1 = load(state, (P + 1) * size + x) + c * (along - w1)
    e0, e1, e2 = _bend(work, wide, here + j, before + j, wide, masks, j, rows, top)
    m0 = load(state, Q * size + x) + d * e0
    m1 = load(state, (Q + 1) * size + x) + d * e1
    return n0, n1, m0, m1, load(state, (Q + 2) * size + x) + d * e2


@helper
def _relaxed(state, at, value, rho):
    """``z + rho (value - z)`` in place."""
    before = load(state, at)
    store(state, at, before + rho * (value - before))


@kernel
def iterate(f, state, work, masks, inverse, steps, radii, relaxation, count, coupled):
    """Do ``count`` iterations of `saddle`; the last one is not over-relaxed.

    Parameters
    ----------
    f : (C, height + 2, stride)
    state : (SLOTS, C, height + 2, stride)
    work : (iterations of a wavefront, NUM_ROLLING, 3, C, stride + 2 LANES)
        Rolling rows of 2 u~ - u and 2 w~ - w.
    masks : (NUM_MASKS, stride)
    inverse : 1 over the spacing along y and x.
    steps : a / (1 + a), b tau, c, d, tau
    radii : alpha1, alpha0
    coupled : True for several channels, else None
    """
    height, stride, row = state.shape[2] - 2, state.shape[3], work.shape[4]
    channels = 1
    if coupled is not None:
        channels = state.shape[1]
    plane = (height + 2) * stride
    size, wide = channels * plane, channels * row
    zero, one, two = fill(state, 0.0), fill(state, 1.0), fill(state, 2.0)
    g, g_half, g_x = (
        fill(state, inverse[0]),
        fill(state, inverse[0] * _HALF),
        fill(state, inverse[1]),
    )
    a, b, c, d = (
        fill(state, steps[0]),
        fill(state, steps[1]),
        fill(state, steps[2]),
        fill(state, steps[3]),
    )
    tau, alpha1, alpha0 = fill(state, steps[4]), fill(state, radii[0]), fill(state, radii[1])
    c_y, relax = c * g, fill(state, relaxation)
    waves = -(-count // work.shape[0])  # as even as possible
    for wave in range(waves):
        begin, end = count * wave // waves, count * (wave + 1) // waves
        for front in range(height + 1 + 2 * (end - begin - 1)):
            for k in range(end - begin):
                r = front - 2 * k
                if r < 0 or r > height:
                    continue
                rho = relax
                if begin + k == count - 1:
                    rho = one
                ring = NUM_ROLLING * k
                new = (ring + (r & 3)) * 3 * wide + LANES
                here = (ring + ((r - 1) & 3)) * 3 * wide + LANES
                before = (ring + ((r - 2) & 3)) * 3 * wide + LANES
                if r < height:
                    top = g_half if r > 0 else zero
                    step = b if r < height - 1 else zero
                    for n in range(channels):
                        for j in range(0, stride, LANES):
                            x = n * plane + (r + 1) * stride + j
                            at = new + n * row + j
                            p0, p1 = load(state, P * size + x), load(state, (P + 1) * size + x)
                            flow = g * (p0 - load(state, P * size + x - stride))
                            flow += g_x * (p1 - load(state, (P + 1) * size + x - 1))
                            u = load(state, U * size + x)
                            du = a * (load(f, x) + tau * flow - u)
                            r0, r1 = _unbend(state, Q, size, x, stride, masks, j, top, g, g_half)
                            d0, d1 = step * (p0 - r0), b * (p1 - r1)
                            w0, w1 = load(state, W * size + x), load(state, (W + 1) * size + x)
                            store(state, U * size + x, u + rho * du)
                            store(state, W * size + x, w0 + rho * d0)
                            store(state, (W + 1) * size + x, w1 + rho * d1)
                            store(work, at, u + two * du)
                            store(work, at + wide, w0 + two * d0)
                            store(work, at + 2 * wide, w1 + two * d1)
                if r > 0:  # p and q of the row above
                    i = r - 1
                    top = g_half if i > 0 else zero
                    step = c_y if i < height - 1 else zero
                    rows = g if 0 < i < height - 1 else zero
                    for j in range(0, stride, LANES):
                        of_p, of_q = zero, zero
                        for n in range(channels):
                            x = n * plane + (i + 1) * stride + j
                            n0, n1, m0, m1, m2 = _ascent(
                                state, work, size, x, new + n * row, here + n * row,
                                before + n * row, wide, masks, j, step, c, d, rows, top,
                            )  # fmt: skip
                            of_p += n0 * n0 + n1 * n1
                            of_q += m0 * m0 + m1 * m1 + m2 * m2
                        of_p, of_q = _shrink(of_p, alpha1, one), _shrink(of_q, alpha0, one)
                        for n in range(channels):
                            x = n * plane + (i + 1) * stride + j
                            if coupled is not None:
                                n0, n1, m0, m1, m2 = _ascent(
                                    state, work, size, x, new + n * row, here + n * row,
                                    before + n * row, wide, masks, j, step, c, d, rows, top,
                                )  # fmt: skip
                            _relaxed(state, P * size + x, of_p * n0, rho)
                            _relaxed(state, (P + 1) * size + x, of_p * n1, rho)
                            _relaxed(state, Q * size + x, of_q * m0, rho)
                            _relaxed(state, (Q + 1) * size + x, of_q * m1, rho)
                            _relaxed(state, (Q + 2) * size + x, of_q * m2, rho)


@kernel
def repair(y, old, work, masks, inverse, aim, alpha0, step, betas, coupled):
    """`TotalGeneralisedVariation.repaired`, with a step and a momentum factor for each iteration.

    ``y`` and ``old``, (3, C, height + 2, stride), hold q at first; the result is in ``old``.
    ``work`` are two rolling rows of a vector field, (2, 2, C, stride + 2 LANES).
    """
    height, stride, row = y.shape[2] - 2, y.shape[3], work.shape[3]
    channels = 1
    if coupled is not None:
        channels = y.shape[1]
    plane = (height + 2) * stride
    size, wide = channels * plane, channels * row
    zero, one, g, g_half = (
        fill(y, 0.0),
        fill(y, 1.0),
        fill(y, inverse[0]),
        fill(y, inverse[0] * _HALF),
    )
    target, radius, length = fill(y, aim), fill(y, alpha0), fill(y, step)
    for k in range(betas.shape[0]):
        beta = fill(y, betas[k])
        for i in range(height):
            here, before = (i & 1) * 2 * wide + LANES, ((i - 1) & 1) * 2 * wide + LANES
            top = g_half if i > 0 else zero
            lower = one if i < height - 1 else zero
            rows = g if 0 < i < height - 1 else zero
            for j in range(0, stride, LANES):
                square = zero
                for n in range(channels):
                    x, at = n * plane + (i + 1) * stride + j, here + n * row + j
                    r0, r1 = _unbend(y, 0, size, x, stride, masks, j, top, g, g_half)
                    r0 = lower * r0
                    square += r0 * r0 + r1 * r1
                    store(work, at, r0)
                    store(work, at + wide, r1)
                over = one - _shrink(square, target, one)
                for n in range(channels):
                    at = here + n * row + j
                    store(work, at, over * load(work, at))
                    store(work, at + wide, over * load(work, at + wide))
            for j in range(0, stride, LANES):
                square = zero
                for n in range(channels):
                    x, at = n * plane + (i + 1) * stride + j, here + n * row + j
                    above = before + n * row + j
                    e0, e1, e2 = _bend(work, 0, at, above, wide, masks, j, rows, top)
                    m0 = load(y, x) - length * e0
                    m1 = load(y, size + x) - length * e1
                    m2 = load(y, 2 * size + x) - length * e2
                    square += m0 * m0 + m1 * m1 + m2 * m2
                    store(y, x, m0)
                    store(y, size + x, m1)
                    store(y, 2 * size + x, m2)
                factor = _shrink(square, radius, one)
                for n in range(channels):
                    for slot in range(3):
                        at = slot * size + n * plane + (i + 1) * stride + j
                        value = factor * load(y, at)
                        store(y, at, value + beta * (value - load(old, at)))
                        store(old, at, value)


@kernel
def unbend(q, r, masks, inverse):
    """Set ``r``, two components in float64, to ``E* q``. The maxima of \\|q\\| and \\|r\\|."""
    height, stride, channels = q.shape[2] - 2, q.shape[3], q.shape[1]
    plane = (height + 2) * stride
    size = channels * plane
    zero, one, g, g_half = (
        fill(r, 0.0),
        fill(r, 1.0),
        fill(r, inverse[0]),
        fill(r, inverse[0] * _HALF),
    )
    most_q, most_r = zero, zero
    for i in range(height):
        top = g_half if i > 0 else zero
        lower = one if i < height - 1 else zero
        for j in range(0, stride, LANES):
            of_q, of_r = zero, zero
            for n in range(channels):
                x = n * plane + (i + 1) * stride + j
                r0, r1 = _unbend(q, 0, size, x, stride, masks, j, top, g, g_half)
                r0 = lower * r0
                store(r, x, r0)
                store(r, size + x, r1)
                of_r += r0 * r0 + r1 * r1
                for slot in range(3):
                    value = convert(load(q, slot * size + x), r)
                    of_q += value * value
            most_q, most_r = maximum(most_q, of_q), maximum(most_r, of_r)
    return largest(most_q) ** 0.5, largest(most_r) ** 0.5


@kernel
def settle(f, u, r, image, stored, inverse, factor, near, sums):
    """The image u1 = f + ``factor`` div r, and the squares of the certificate.

    ``image``, in float64, and ``stored`` become u if ``near``, else u1. ``sums`` becomes the
    squares of image - f, u1, f, image - u1 and stored - image.
    """
    height, stride = f.shape[1] - 2, f.shape[2]
    size = f.shape[0] * (height + 2) * stride
    t_y, t_x = fill(r, factor * inverse[0]), fill(r, factor * inverse[1])
    sums[:] = 0.0
    for i in range(f.shape[0] * height):
        border = 2 * (i // height) + 1  # rows of zeros so far
        s0, s1, s2, s3, s4 = fill(r, 0.0), fill(r, 0.0), fill(r, 0.0), fill(r, 0.0), fill(r, 0.0)
        for j in range(0, stride, LANES):
            x = (i + border) * stride + j
            start = convert(load(f, x), r)
            flow = t_y * (load(r, x) - load(r, x - stride))
            stop = start + flow + t_x * (load(r, size + x) - load(r, size + x - 1))
            value = stop
            if near:
                value = convert(load(u, x), r)
            rounded = convert(value, stored)
            store(image, x, value)
            store(stored, x, rounded)
            change, apart, residual = value - start, value - stop, convert(rounded, r) - value
            s0, s1, s2 = s0 + change * change, s1 + stop * stop, s2 + start * start
            s3, s4 = s3 + apart * apart, s4 + residual * residual
        sums[0] += total(s0)
        sums[1] += total(s1)
        sums[2] += total(s2)
        sums[3] += total(s3)
        sums[4] += total(s4)


@kernel
def slacks(f, image, share, w, before, share_w, r, q, masks, inverse, theta, radii, sums):
    """Sums at ``v = (1 - share) f + share image`` and a witness mixed likewise.

    With ``theta`` q in K and r = E* q, ``sums`` becomes \\|grad v - w\\|, \\|E w\\|, the parts
    ``alpha1 |grad v - w| - <grad v - w, theta r>`` and ``alpha0 |E w| - <E w, theta q>`` of the
    slack, and the square of grad v. ``w`` and ``before`` begin with the two components of w.
    """
    height, stride, channels = f.shape[1] - 2, f.shape[2], f.shape[0]
    plane = (height + 2) * stride
    size = channels * plane
    zero, scale = fill(r, 0.0), fill(r, theta)
    g, g_half = fill(r, inverse[0]), fill(r, inverse[0] * _HALF)
    new, old, new_w, old_w = (
        fill(r, share),
        fill(r, 1.0 - share),
        fill(r, share_w),
        fill(r, 1.0 - share_w),
    )
    alpha1, alpha0 = fill(r, radii[0]), fill(r, radii[1])
    sums[:] = 0.0
    for i in range(height):
        top = g_half if i > 0 else zero
        lower = g if i < height - 1 else zero
        rows = g if 0 < i < height - 1 else zero
        s0, s1, s2, s3, s4 = zero, zero, zero, zero, zero
        for j in range(0, stride, LANES):
            first, second, flow, inner = zero, zero, zero, zero
            for n in range(channels):
                x = n * plane + (i + 1) * stride + j
                v = old * convert(load(f, x), r) + new * load(image, x)
                below = old * convert(load(f, x + stride), r) + new * load(image, x + stride)
                after = old * convert(load(f, x + 1), r) + new * load(image, x + 1)
                v0, v1 = lower * (below - v), load(masks, RIGHT * stride + j) * (after - v)
                s4 += v0 * v0 + v1 * v1
                v0 = v0 - new_w * convert(load(w, x), r) - old_w * convert(load(before, x), r)
                v1 = v1 - new_w * convert(load(w, size + x), r)
                v1 = v1 - old_w * convert(load(before, size + x), r)
                first += v0 * v0 + v1 * v1
                flow += v0 * load(r, x) + v1 * load(r, size + x)
                a0, a1, a2 = _bend(w, 0, x, x - stride, size, masks, j, rows, top)
                b0, b1, b2 = _bend(before, 0, x, x - stride, size, masks, j, rows, top)
                e0, e1 = new_w * a0 + old_w * b0, new_w * a1 + old_w * b1
                e2 = new_w * a2 + old_w * b2
                second += e0 * e0 + e1 * e1 + e2 * e2
                inner += e0 * convert(load(q, x), r) + e1 * convert(load(q, size + x), r)
                inner += e2 * convert(load(q, 2 * size + x), r)
            first, second = root(first), root(second)
            s0, s1 = s0 + first, s1 + second
            s2, s3 = s2 + (alpha1 * first - scale * flow), s3 + (alpha0 * second - scale * inner)
        sums[0] += total(s0)
        sums[1] += total(s1)
        sums[2] += total(s2)
        sums[3] += total(s3)
        sums[4] += total(s4)
