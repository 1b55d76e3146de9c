"""Compiled kernels of total generalised variation: the iteration of `saddle`, and its certificate.

An image is ``(height + 2, stride)``: a row of zeros above and below, and rows padded with zeros to
whole vectors. ``state[slot]`` are u, the two components of w and of p, and the three of q. What the
discretisation does not use is always zero: w0 and p0 in the last row, w1 and p1 in the last column,
q00 in the first and the last row, q11 in the first and the last column. Column masks do the rest;
they hold 1 over the spacing, too.

One sweep runs several iterations as a wavefront: each updates u and w of a row, then p and q of the
row above, and is two rows behind the one before. All are in place, with rolling rows of the
extrapolated u and w. Iterations and repair are in the dtype of the state, the certificate is in
float64. The loops never load at j - 1 what they stored at j: waiting for it takes longer than the
arithmetic.
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


@kernel
def iterate(f, state, work, masks, inverse, steps, radii, relaxation, count):
    """Do ``count`` iterations of `saddle`; the last one is not over-relaxed.

    Parameters
    ----------
    f : (height + 2, stride)
    state : (SLOTS, height + 2, stride)
    work : (iterations of a wavefront, NUM_ROLLING, 3, stride + 2 LANES)
        Rolling rows of 2 u~ - u and 2 w~ - w.
    masks : (NUM_MASKS, stride)
    inverse : 1 over the spacing along y and x.
    steps : a / (1 + a), b tau, c, d, tau
    radii : alpha1, alpha0
    """
    height, stride = state.shape[1] - 2, state.shape[2]
    size, wide = (height + 2) * stride, work.shape[3]
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
                    for j in range(0, stride, LANES):
                        x = (r + 1) * stride + j
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
                        store(work, new + j, u + two * du)
                        store(work, new + wide + j, w0 + two * d0)
                        store(work, new + 2 * wide + j, w1 + two * d1)
                if r > 0:  # p and q of the row above
                    i = r - 1
                    top = g_half if i > 0 else zero
                    step = c_y if i < height - 1 else zero
                    rows = g if 0 < i < height - 1 else zero
                    for j in range(0, stride, LANES):
                        x = (i + 1) * stride + j
                        u, w0, w1 = (
                            load(work, here + j),
                            load(work, here + wide + j),
                            load(work, here + 2 * wide + j),
                        )
                        p0, p1 = load(state, P * size + x), load(state, (P + 1) * size + x)
                        n0 = p0 + step * (load(work, new + j) - u) - c * w0
                        n1 = p1 + c * (
                            load(masks, RIGHT * stride + j) * (load(work, here + j + 1) - u) - w1
                        )
                        factor = _shrink(n0 * n0 + n1 * n1, alpha1, one)
                        store(state, P * size + x, p0 + rho * (factor * n0 - p0))
                        store(state, (P + 1) * size + x, p1 + rho * (factor * n1 - p1))
                        e0, e1, e2 = _bend(
                            work, wide, here + j, before + j, wide, masks, j, rows, top
                        )
                        q0, q1, q2 = (
                            load(state, Q * size + x),
                            load(state, (Q + 1) * size + x),
                            load(state, (Q + 2) * size + x),
                        )
                        m0, m1, m2 = q0 + d * e0, q1 + d * e1, q2 + d * e2
                        factor = _shrink(m0 * m0 + m1 * m1 + m2 * m2, alpha0, one)
                        store(state, Q * size + x, q0 + rho * (factor * m0 - q0))
                        store(state, (Q + 1) * size + x, q1 + rho * (factor * m1 - q1))
                        store(state, (Q + 2) * size + x, q2 + rho * (factor * m2 - q2))


@kernel
def repair(y, old, work, masks, inverse, aim, alpha0, step, betas):
    """`TotalGeneralisedVariation.repaired`, with a step and a momentum factor for each iteration.

    ``y`` and ``old``, (3, height + 2, stride), hold q at first; the result is in ``old``. ``work``
    are two rolling rows of a vector field, (2, 2, stride + 2 LANES).
    """
    height, stride = y.shape[1] - 2, y.shape[2]
    size, wide = (height + 2) * stride, work.shape[2]
    zero, one, g, g_half = (
        fill(y, 0.0),
        fill(y, 1.0),
        fill(y, inverse[0]),
        fill(y, inverse[0] * _HALF),
    )
    target, radius, length = fill(y, aim), fill(y, alpha0), fill(y, step)
    for n in range(betas.shape[0]):
        beta = fill(y, betas[n])
        for i in range(height):
            here, before = (i & 1) * 2 * wide + LANES, ((i - 1) & 1) * 2 * wide + LANES
            top = g_half if i > 0 else zero
            lower = one if i < height - 1 else zero
            rows = g if 0 < i < height - 1 else zero
            for j in range(0, stride, LANES):
                x = (i + 1) * stride + j
                r0, r1 = _unbend(y, 0, size, x, stride, masks, j, top, g, g_half)
                r0 = lower * r0
                over = one - _shrink(r0 * r0 + r1 * r1, target, one)
                store(work, here + j, over * r0)
                store(work, here + wide + j, over * r1)
            for j in range(0, stride, LANES):
                x = (i + 1) * stride + j
                e0, e1, e2 = _bend(work, 0, here + j, before + j, wide, masks, j, rows, top)
                m0 = load(y, x) - length * e0
                m1 = load(y, size + x) - length * e1
                m2 = load(y, 2 * size + x) - length * e2
                factor = _shrink(m0 * m0 + m1 * m1 + m2 * m2, radius, one)
                m0, m1, m2 = factor * m0, factor * m1, factor * m2
                store(y, x, m0 + beta * (m0 - load(old, x)))
                store(y, size + x, m1 + beta * (m1 - load(old, size + x)))
                store(y, 2 * size + x, m2 + beta * (m2 - load(old, 2 * size + x)))
                store(old, x, m0)
                store(old, size + x, m1)
                store(old, 2 * size + x, m2)


@kernel
def unbend(q, r, masks, inverse):
    """Set ``r``, two components in float64, to ``E* q``. The maxima of \\|q\\| and \\|r\\|."""
    height, stride = q.shape[1] - 2, q.shape[2]
    size = (height + 2) * stride
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
            x = (i + 1) * stride + j
            r0, r1 = _unbend(q, 0, size, x, stride, masks, j, top, g, g_half)
            r0 = lower * r0
            store(r, x, r0)
            store(r, size + x, r1)
            most_r = maximum(most_r, r0 * r0 + r1 * r1)
            q0, q1, q2 = (
                convert(load(q, x), r),
                convert(load(q, size + x), r),
                convert(load(q, 2 * size + x), r),
            )
            most_q = maximum(most_q, q0 * q0 + q1 * q1 + q2 * q2)
    return largest(most_q) ** 0.5, largest(most_r) ** 0.5


@kernel
def settle(f, u, r, image, stored, inverse, factor, near, sums):
    """The image u1 = f + ``factor`` div r, and the squares of the certificate.

    ``image``, in float64, and ``stored`` become u if ``near``, else u1. ``sums`` becomes the
    squares of image - f, u1, f, image - u1 and stored - image.
    """
    height, stride = f.shape[0] - 2, f.shape[1]
    size = (height + 2) * stride
    t_y, t_x = fill(r, factor * inverse[0]), fill(r, factor * inverse[1])
    sums[:] = 0.0
    for i in range(height):
        s0, s1, s2, s3, s4 = fill(r, 0.0), fill(r, 0.0), fill(r, 0.0), fill(r, 0.0), fill(r, 0.0)
        for j in range(0, stride, LANES):
            x = (i + 1) * stride + j
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
    height, stride = f.shape[0] - 2, f.shape[1]
    size = (height + 2) * stride
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
            x = (i + 1) * stride + j
            v = old * convert(load(f, x), r) + new * load(image, x)
            below = old * convert(load(f, x + stride), r) + new * load(image, x + stride)
            after = old * convert(load(f, x + 1), r) + new * load(image, x + 1)
            v0, v1 = lower * (below - v), load(masks, RIGHT * stride + j) * (after - v)
            s4 += v0 * v0 + v1 * v1
            v0 = v0 - new_w * convert(load(w, x), r) - old_w * convert(load(before, x), r)
            v1 = (
                v1
                - new_w * convert(load(w, size + x), r)
                - old_w * convert(load(before, size + x), r)
            )
            norm = root(v0 * v0 + v1 * v1)
            s0 += norm
            s2 += alpha1 * norm - scale * (v0 * load(r, x) + v1 * load(r, size + x))
            a0, a1, a2 = _bend(w, 0, x, x - stride, size, masks, j, rows, top)
            b0, b1, b2 = _bend(before, 0, x, x - stride, size, masks, j, rows, top)
            e0, e1, e2 = new_w * a0 + old_w * b0, new_w * a1 + old_w * b1, new_w * a2 + old_w * b2
            norm = root(e0 * e0 + e1 * e1 + e2 * e2)
            s1 += norm
            inner = e0 * convert(load(q, x), r) + e1 * convert(load(q, size + x), r)
            s3 += alpha0 * norm - scale * (inner + e2 * convert(load(q, 2 * size + x), r))
        sums[0] += total(s0)
        sums[1] += total(s1)
        sums[2] += total(s2)
        sums[3] += total(s3)
        sums[4] += total(s4)
