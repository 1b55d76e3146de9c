"""The compiled certificate: the sums over a strip from which it is assembled, in one pass.

The next image is evaluated in float64 and stored in the dtype of the strip. Differences are then
taken of the stored images in the dtype of ``rows`` (float32: fast, with the allowances of
`upper_sums`), or, where ``rows`` is float64 and the image is not, of the exact ones.
"""

from ...core.compiled import lean_helper as helper
from ...core.compiled import lean_kernel as kernel
from ...core.vectors import (
    LANES,
    convert,
    fill,
    largest,
    load,
    maximum,
    root,
    store,
    total,
    where_less,
    write,
)
from .flags import begin, stay
from .kernels_sweep import divergence

WIDEST = 16384  # columns; a row is summed in float32
MOST_COMPONENTS = 16  # of the flux of a pixel; they are, too
NUM_SUMS = 10


@helper
def _density(square, w, huber, half_huber):
    """The density of Huber's total variation, from a squared norm."""
    n = root(square)
    return where_less(n, w * huber, square / (huber + huber), w * n - half_huber * w * w)


@helper
def _within(window, row, rows, volume):
    """Whether a row is in the window (see `measure`)."""
    plane = 0
    if volume is not None:
        plane, row = row // rows, row % rows
    return (
        window[0, 0] <= plane
        and plane < window[0, 1]
        and window[1, 0] <= row
        and row < window[1, 1]
    )


@kernel
def measure(
    image, state, stored, rows, edge, radius, huber, volume, separate, counted, exact, tau,
    gradient, feasible, first, last, window, sums, address, place, flags, member, ticket,
):  # fmt: skip
    """The sums of the rows first..last; sets ``stored``, and a frame.

    ``sums`` becomes: the largest squared ``|p| / w``; the slacks s(u1) and s(u0); J(u0), J(u1) and
    the bend ``J(u0) + J(u1) - J(u0 + u1)``; the squares of u1 - u0, u1 and of (stored image -
    u1); Huber's term R(p).

    Parameters
    ----------
    image, state, edge, radius, volume, separate, counted
        As in `kernels_sweep.sweep`.
    stored : (C, rows + 1, stride)
        Becomes the image ``u1 = u0 + tau div p``.
    rows : (reach + 1, C, stride + LANES)
        Rolling rows of u1; zero beyond the stride. Their dtype is that of differences and norms.
    huber : float, or None for none
    exact : bool
        Whether u1 is ``u0 + tau div(feasible p)``, unrounded, and the flux is multiplied by
        ``feasible``; else it is the stored image.
    tau, gradient : (3,), float64
        ``tau`` and 1 over the spacing along x, y and z.
    window : (3, 2)
        What is summed: first and last of planes (0 and 1 for images), rows of a plane, and columns,
        which are multiples of LANES. The last is not included.
    address : int
        Where the contiguous frame (C, height, width) is, in the dtype of ``stored``; 0 for none.
    place : three ints
        Height and width of the frame, and the row of it that is row 0 of the strip.
    flags, member, ticket
        See `team`; no flags as part of another kernel.
    """
    begin(flags, member, ticket)
    height, stride = state.shape[1] - 1, state.shape[2]
    reach, wide = rows.shape[0] - 1, rows.shape[2]
    size = (height + 1) * stride
    channels, axes = len(counted) or stored.shape[0], 2
    if volume is not None:
        axes = 3
    flux = channels * axes * size
    frame_height, width, start = place
    share = feasible if exact else 1.0
    t_x, t_y, t_z = fill(tau, share * tau[0]), fill(tau, share * tau[1]), fill(tau, share * tau[2])
    none, one, factor = fill(rows, 0.0), fill(rows, 1.0), fill(rows, share)
    if huber is not None:
        h, half, quarter = fill(rows, huber), fill(rows, 0.5 * huber), fill(rows, 0.25)
    top = none
    sums[:] = 0.0
    end = min(last + reach, height)
    left, right = window[2, 0], window[2, 1]
    for r in range(first, last + reach):
        q = r - reach
        new, here, below = r % (reach + 1), q % (reach + 1), (q + 1) % (reach + 1)
        at, own = (r + 1) * stride, (q + 1) * stride
        before = 0
        if volume is not None and r >= reach:
            before = at - reach * stride
        # at the last face of an axis, a row is compared with itself
        if volume is None:
            down = stride if q + 1 < height else 0
        else:
            down = stride if (q + 1) % reach != 0 else 0
        back = reach * stride if q + reach < height else 0
        below = below if down > 0 else here
        behind = new if back > 0 else here
        change = fill(tau, 0.0)
        length, residual = change, change
        s0, s1, v0, v1, bend, dual = none, none, none, none, none, none
        squared = r < last and _within(window, r, reach, volume)
        summed = q >= first and _within(window, q, reach, volume)
        for j in range(0, stride, LANES):
            if r < end:
                for c in range(channels):
                    u0 = convert(load(image, c * size + at + j), tau)
                    u1 = u0 + divergence(
                        state, flux + c * size, channels * size, at + j, at + j - stride,
                        before + j, volume, t_x, t_y, t_z, tau,
                    )  # fmt: skip
                    store(stored, c * size + at + j, u1)
                    u = convert(load(stored, c * size + at + j), tau)
                    if address != 0 and r < last:
                        target = (c * frame_height + start + r) * width
                        if j + LANES <= width:
                            write(address, target + j, convert(u1, stored))
                        else:
                            for i in range(j, width):
                                write(address, target + i, stored[c, r + 1, i])
                    if squared and left <= j and j < right:
                        residual += (u - u1) * (u - u1)
                        if not exact:
                            u1 = u
                        change += (u1 - u0) * (u1 - u0)
                        length += u1 * u1
                    if not exact:
                        u1 = u
                    store(rows, (new * channels + c) * wide + j, u1)
            if summed and left <= j and j < right:
                w = one
                if radius is not None:
                    w = convert(load(radius, own + j), rows)
                a2, b2, m2, ap, bp, p2 = none, none, none, none, none, none
                for axis in range(axes):
                    step, ahead = 1, here
                    grad = fill(rows, gradient[axis])
                    if axis == 0:
                        grad = grad * convert(load(edge, j), rows)
                    elif axis == 1:
                        step, ahead = down, below
                    else:
                        step, ahead = back, behind
                    for c in range(channels):
                        f = c * size + own + j
                        u = (here * channels + c) * wide + j
                        v = (ahead * channels + c) * wide + j
                        if axis == 0:
                            v += 1
                        a = grad * (
                            convert(load(image, f + step), rows) - convert(load(image, f), rows)
                        )
                        b = grad * (load(rows, v) - load(rows, u))
                        p = factor * convert(load(state, flux + axis * channels * size + f), rows)
                        a2 += a * a
                        b2 += b * b
                        m2 += (a + b) * (a + b)
                        ap += p * a
                        bp += p * b
                        p2 += p * p
                    if not separate and axis + 1 < axes:
                        continue
                    if huber is None:
                        n0, n1, nm = w * root(a2), w * root(b2), w * root(m2)
                        s0 += n0 - ap
                        s1 += n1 - bp
                    else:
                        n0 = _density(a2, w, h, half)
                        n1 = _density(b2, w, h, half)
                        nm = _density(quarter * m2, w, h, half)
                        nm = nm + nm
                        s0 += n0 - ap + half * p2
                        s1 += n1 - bp + half * p2
                        dual += half * p2
                    v0 += n0
                    v1 += n1
                    bend += n0 + n1 - nm
                    if radius is not None:
                        p2 = where_less(none, p2, p2 / (w * w), none)
                    top = maximum(top, p2)
                    a2, b2, m2, ap, bp, p2 = none, none, none, none, none, none
        sums[1] += total(s1)
        sums[2] += total(s0)
        sums[3] += total(v0)
        sums[4] += total(v1)
        sums[5] += total(bend)
        sums[6] += total(change)
        sums[7] += total(length)
        sums[8] += total(residual)
        sums[9] += total(dual)
    sums[0] = largest(top)
    stay(flags, member, ticket, 0)
