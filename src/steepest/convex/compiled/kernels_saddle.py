"""Compiled kernels of energies of second order: their primal-dual iteration and certificate.

`kernels_rows` says how images, w, p and q are stored. Without w as an unknown (second order and
combined), its rolling rows are those of grad u. Iterations and repair are in the dtype of the
state, the certificate is in float64. Norms are over all channels; with several, what is projected
is computed twice.
"""

from ...core.compiled import lean_helper as helper
from ...core.compiled import lean_kernel as kernel
from ...core.vectors import LANES, convert, fill, largest, load, maximum, root, store, total
from .kernels_rows import (
    ALPHA0,
    ALPHA1,
    G_X,
    G_Y,
    HALF,
    RELAXATION,
    RIGHT,
    TAU,
    A,
    B,
    C,
    D,
    P,
    Q,
    U,
    bend,
    move_w,
    relaxed,
    share_waves,
    shrink,
    step_p,
    step_q,
    unbend,
)

NUM_SUMS = 5


@helper
def _set_u(f, state, work, x, at, flow, a, tau, rho, two):
    """A step of 16 pixels of u - f from ``-A*`` of the fields, and the extrapolation of u."""
    change = load(state, U * f.size + x)
    du = a * (tau * flow - change)
    store(state, U * f.size + x, change + rho * du)
    store(work, at, load(f, x) + (change + two * du))


@helper
def _descend(f, state, work, masks, numbers, r, new, here, rho, channels, lifted, first):
    """u and w of row r, and their extrapolation in ``new``.

    Without w, its place has ``p + E* q``, of which the row above is in ``here``.
    """
    height, stride, row = state.shape[2] - 2, state.shape[3], work.shape[5]
    plane, wide = (height + 2) * stride, channels * row
    size = channels * plane
    zero, one, two = fill(state, 0.0), fill(state, 1.0), fill(state, 2.0)
    g, g_half = fill(state, numbers[G_Y]), fill(state, numbers[G_Y] * HALF)
    g_x, a, tau = fill(state, numbers[G_X]), fill(state, numbers[A]), fill(state, numbers[TAU])
    b = fill(state, numbers[B])
    above = one if r > 0 else zero
    lower = one if r < height - 1 else zero
    top, step = above * g_half, lower * b
    for n in range(channels):
        for j in range(0, stride, LANES):
            x = n * plane + (r + 1) * stride + j
            at = new + n * row + j
            r0, r1 = unbend(state, Q, size, x, stride, masks, j, top, g, g_half)
            if lifted is not None:
                p0, p1 = load(state, P * size + x), load(state, (P + 1) * size + x)
                flow = g * (p0 - load(state, P * size + x - stride))
                flow += g_x * (p1 - load(state, (P + 1) * size + x - 1))
                _set_u(f, state, work, x, at, flow, a, tau, rho, two)
                d0, d1 = step * (p0 - r0), b * (p1 - r1)
                move_w(state, work, size, x, at, wide, d0, d1, rho, two)
            else:
                r0 = lower * r0
                if first is not None:
                    r0 += load(state, P * size + x)
                    r1 += load(state, (P + 1) * size + x)
                store(work, at + wide, r0)
                store(work, at + 2 * wide, r1)
        if lifted is None:
            for j in range(0, stride, LANES):
                x = n * plane + (r + 1) * stride + j
                at, back = new + n * row + j, here + n * row + j
                flow = g * (load(work, at + wide) - above * load(work, back + wide))
                flow += g_x * (load(work, at + 2 * wide) - load(work, at + 2 * wide - 1))
                _set_u(f, state, work, x, at, flow, a, tau, rho, two)


@helper
def _slopes(work, masks, numbers, i, height, stride, new, here, channels):
    """Replace two rows in ``here`` by the gradient of the rolling rows of u."""
    row = work.shape[5]
    wide = channels * row
    g = fill(work, numbers[G_Y] if i < height - 1 else 0.0)
    for n in range(channels):
        for j in range(0, stride, LANES):
            at = here + n * row + j
            u = load(work, at)
            after = load(work, at + 1)
            store(work, at + wide, g * (load(work, new + n * row + j) - u))
            store(work, at + 2 * wide, load(masks, RIGHT * masks.shape[1] + j) * (after - u))


@helper
def _ascend(state, work, masks, numbers, i, new, here, before, rho, coupled, lifted, first):
    """p and q of row i, from the rolling rows."""
    height, stride, row = state.shape[2] - 2, state.shape[3], work.shape[5]
    channels = 1
    if coupled is not None:
        channels = state.shape[1]
    plane, wide = (height + 2) * stride, channels * row
    size = channels * plane
    zero, one, g = fill(state, 0.0), fill(state, 1.0), fill(state, numbers[G_Y])
    c, d = fill(state, numbers[C]), fill(state, numbers[D])
    alpha1, alpha0 = fill(state, numbers[ALPHA1]), fill(state, numbers[ALPHA0])
    top = fill(state, numbers[G_Y] * HALF) if i > 0 else zero
    step = g if i < height - 1 else zero
    rows = g if 0 < i < height - 1 else zero
    if lifted is None:
        _slopes(work, masks, numbers, i, height, stride, new, here, channels)
    for j in range(0, stride, LANES):
        of_p, of_q = zero, zero
        for n in range(channels):
            x, at = n * plane + (i + 1) * stride + j, n * row
            if first is not None:
                n0, n1 = step_p(
                    state, work, size, x, new + at, here + at, wide, masks, j, step, c, lifted
                )
                of_p += n0 * n0 + n1 * n1
            m0, m1, m2 = step_q(
                state, work, size, x, here + at, before + at, wide, masks, j, d, rows, top
            )
            of_q += m0 * m0 + m1 * m1 + m2 * m2
        if first is not None:
            of_p = shrink(of_p, alpha1, one)
        of_q = shrink(of_q, alpha0, one)
        for n in range(channels):
            x, at = n * plane + (i + 1) * stride + j, n * row
            if first is not None:
                if coupled is not None:
                    n0, n1 = step_p(
                        state, work, size, x, new + at, here + at, wide, masks, j, step, c, lifted
                    )
                relaxed(state, P * size + x, of_p * n0, rho)
                relaxed(state, (P + 1) * size + x, of_p * n1, rho)
            if coupled is not None:
                m0, m1, m2 = step_q(
                    state, work, size, x, here + at, before + at, wide, masks, j, d, rows, top
                )
            relaxed(state, Q * size + x, of_q * m0, rho)
            relaxed(state, (Q + 1) * size + x, of_q * m1, rho)
            relaxed(state, (Q + 2) * size + x, of_q * m2, rho)


@helper
def _update(given, r, new, here, before, rho):
    """See `share_waves`."""
    f, state, work, masks, numbers, coupled, lifted, first = given
    channels = 1
    if coupled is not None:
        channels = state.shape[1]
    if r < state.shape[2] - 2:
        _descend(f, state, work, masks, numbers, r, new, here, rho, channels, lifted, first)
    if r > 0:
        _ascend(state, work, masks, numbers, r - 1, new, here, before, rho, coupled, lifted, first)


@kernel
def iterate(f, state, work, masks, numbers, count, coupled, lifted, first, turn):
    """Do ``count`` iterations of `saddle` or `primal_dual`.

    Parameters
    ----------
    f : (C, height + 2, stride)
        The image, less the mean of each channel.
    masks : (NUM_MASKS, stride)
    numbers : (NUM_NUMBERS,)
    coupled : True for several channels, else None
    lifted : True for total generalised variation; None: w is the gradient of u
    first : True, or None without a term of first order (p is 0)
    state, work, count, turn : see `share_waves`
    """
    given = f, state, work, masks, numbers, coupled, lifted, first
    share_waves(
        _update, given, state, work, count, fill(state, numbers[RELAXATION]), fill(state, 1.0), turn
    )


@kernel
def repair(y, old, work, masks, inverse, aim, alpha0, step, betas, coupled):
    """`TotalGeneralisedVariation.repaired`, with a step and a momentum factor for each iteration.

    ``y`` and ``old``, (3, C, height + 2, stride), hold q at first; the result is in ``old``.
    ``work`` are two rolling rows of a vector field for each of them,
    (iterations, 2, 2, C, stride + 2 LANES).
    """
    height, stride, row = y.shape[2] - 2, y.shape[3], work.shape[4]
    channels = 1
    if coupled is not None:
        channels = y.shape[1]
    plane = (height + 2) * stride
    size, wide = channels * plane, channels * row
    zero, one, g, g_half = (
        fill(y, 0.0),
        fill(y, 1.0),
        fill(y, inverse[0]),
        fill(y, inverse[0] * HALF),
    )
    target, radius, length = fill(y, aim), fill(y, alpha0), fill(y, step)
    for front in range(height + betas.shape[0] - 1):
        for k in range(betas.shape[0]):
            i = front - k  # each step is a row behind the one before
            if i < 0 or i >= height:
                continue
            beta = fill(y, betas[k])
            here = (2 * k + (i & 1)) * 2 * wide + LANES
            before = (2 * k + ((i - 1) & 1)) * 2 * wide + LANES
            top = g_half if i > 0 else zero
            lower = one if i < height - 1 else zero
            rows = g if 0 < i < height - 1 else zero
            for j in range(0, stride, LANES):
                square = zero
                for n in range(channels):
                    x, at = n * plane + (i + 1) * stride + j, here + n * row + j
                    r0, r1 = unbend(y, 0, size, x, stride, masks, j, top, g, g_half)
                    r0 = lower * r0
                    square += r0 * r0 + r1 * r1
                    store(work, at, r0)
                    store(work, at + wide, r1)
                over = one - shrink(square, target, one)
                for n in range(channels):
                    at = here + n * row + j
                    store(work, at, over * load(work, at))
                    store(work, at + wide, over * load(work, at + wide))
            for j in range(0, stride, LANES):
                square = zero
                for n in range(channels):
                    x, at = n * plane + (i + 1) * stride + j, here + n * row + j
                    above = before + n * row + j
                    e0, e1, e2 = bend(work, 0, at, above, wide, masks, j, rows, top)
                    m0 = load(y, x) - length * e0
                    m1 = load(y, size + x) - length * e1
                    m2 = load(y, 2 * size + x) - length * e2
                    square += m0 * m0 + m1 * m1 + m2 * m2
                    store(y, x, m0)
                    store(y, size + x, m1)
                    store(y, 2 * size + x, m2)
                factor = shrink(square, radius, one)
                for n in range(channels):
                    for slot in range(3):
                        at = slot * size + n * plane + (i + 1) * stride + j
                        value = factor * load(y, at)
                        store(y, at, value + beta * (value - load(old, at)))
                        store(old, at, value)


@kernel
def reduce_order(q, p, r, masks, inverse):
    """Set ``r``, two components in float64, to ``E* q``. The maxima of \\|q\\| and \\|r\\|.

    If p is given, r is ``p + E* q``, and the second maximum is that of \\|p\\|.
    """
    height, stride, channels = q.shape[2] - 2, q.shape[3], q.shape[1]
    plane = (height + 2) * stride
    size = channels * plane
    zero, one, g, g_half = (
        fill(r, 0.0),
        fill(r, 1.0),
        fill(r, inverse[0]),
        fill(r, inverse[0] * HALF),
    )
    most_q, most_r = zero, zero
    for i in range(height):
        top = g_half if i > 0 else zero
        lower = one if i < height - 1 else zero
        for j in range(0, stride, LANES):
            of_q, of_r = zero, zero
            for n in range(channels):
                x = n * plane + (i + 1) * stride + j
                r0, r1 = unbend(q, 0, size, x, stride, masks, j, top, g, g_half)
                r0, v0, v1 = lower * r0, lower * r0, r1
                if p is not None:
                    v0, v1 = convert(load(p, x), r), convert(load(p, size + x), r)
                    r0, r1 = r0 + v0, r1 + v1
                store(r, x, r0)
                store(r, size + x, r1)
                of_r += v0 * v0 + v1 * v1
                for slot in range(3):
                    value = convert(load(q, slot * size + x), r)
                    of_q += value * value
            most_q, most_r = maximum(most_q, of_q), maximum(most_r, of_r)
    return largest(most_q) ** 0.5, largest(most_r) ** 0.5


@kernel
def settle(f, shift, r, image, stored, inverse, factor, near, sums):
    """The image u1 = f + ``factor`` div r, and the squares of the certificate.

    ``image``, in float64, and ``stored`` become f + ``shift`` if ``near``, else u1. ``sums``
    becomes the squares of image - f, u1, f, image - u1 and stored - image.
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
                value = start + convert(load(shift, x), r)
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
def slacks(v, w, r, q, masks, inverse, theta, radii, lifted, sums):
    """Sums at v, in float64, of each row.

    With theta r and theta q the fields of both orders, these are \\|s\\|, \\|E w\\|, the parts
    ``alpha1 |s| - <s, theta r>`` and ``alpha0 |E w| - <E w, theta q>`` of the slack, and the square
    of ``grad v``, where s is ``grad v - w``. If ``lifted`` is None, s is ``grad v``, w, in float64,
    becomes ``grad v``, and the last sum is the square of A v.
    """
    height, stride, channels = v.shape[1] - 2, v.shape[2], v.shape[0]
    plane = (height + 2) * stride
    size = channels * plane
    zero, scale = fill(v, 0.0), fill(v, theta)
    g, g_half = fill(v, inverse[0]), fill(v, inverse[0] * HALF)
    alpha1, alpha0 = fill(v, radii[0]), fill(v, radii[1])
    for i in range(height):
        top = g_half if i > 0 else zero
        lower = g if i < height - 1 else zero
        rows = g if 0 < i < height - 1 else zero
        s0, s1, s2, s3, s4 = zero, zero, zero, zero, zero
        for j in range(0, stride, LANES):
            first, flow = zero, zero
            for n in range(channels):
                x = n * plane + (i + 1) * stride + j
                here = load(v, x)
                v0 = lower * (load(v, x + stride) - here)
                v1 = load(masks, RIGHT * stride + j) * (load(v, x + 1) - here)
                if lifted is None:
                    s4 += alpha1 * alpha1 * (v0 * v0 + v1 * v1)
                    store(w, x, v0)
                    store(w, size + x, v1)
                else:
                    s4 += v0 * v0 + v1 * v1
                    v0, v1 = v0 - convert(load(w, x), v), v1 - convert(load(w, size + x), v)
                first += v0 * v0 + v1 * v1
                flow += v0 * convert(load(r, x), v) + v1 * convert(load(r, size + x), v)
            first = root(first)
            s0, s2 = s0 + first, s2 + (alpha1 * first - scale * flow)
        for j in range(0, stride, LANES):
            second, inner = zero, zero
            for n in range(channels):
                x = n * plane + (i + 1) * stride + j
                e0, e1, e2 = bend(w, 0, x, x - stride, size, masks, j, rows, top)
                second += e0 * e0 + e1 * e1 + e2 * e2
                inner += e0 * convert(load(q, x), v) + e1 * convert(load(q, size + x), v)
                inner += e2 * convert(load(q, 2 * size + x), v)
            if lifted is None:
                s4 += alpha0 * alpha0 * second
            second = root(second)
            s1, s3 = s1 + second, s3 + (alpha0 * second - scale * inner)
        sums[i, 0] = total(s0)
        sums[i, 1] = total(s1)
        sums[i, 2] = total(s2)
        sums[i, 3] = total(s3)
        sums[i, 4] = total(s4)
