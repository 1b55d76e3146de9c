"""Compiled kernels of the dual iteration: several iterations in one sweep.

A strip is ``image[channel, row, column]``, the data f, and ``state[slot, row, column]``: the C
channels of y_x, then of y_y (and y_z), then of p.
Row 0 of every slot is zero (nothing flows in from above), row r of the strip is row r + 1, and rows
are padded with zeros to whole vectors. The rows of a volume run through its planes one after
another. One sweep runs ``len(betas)`` iterations as a wavefront over the rows: an iteration needs
``reach + 1`` rolling rows of the primal image ``u = f + tau div y``, where ``reach`` is 1, or the
number of rows of a plane, and works ``reach`` rows behind the iteration before it. A row is thus
loaded once and stays in cache for all iterations. All arithmetic is in the dtype of the strip.
"""

from ...core.compiled import lean_helper as helper
from ...core.vectors import (
    LANES,
    convert,
    fill,
    inverse_root,
    load,
    maximum,
    minimum,
    store,
    where_less,
)

_TINY = 1e-30  # the least square of a norm or a radius that is divided by


@helper
def divergence(state, slot, size, at, above, before, volume, t_x, t_y, t_z, like):
    """``tau div`` of 16 pixels of the flux whose x component is in ``slot``, y and z ``size`` on.

    ``at`` is their position in a slot, ``above`` and ``before`` that of the rows before them along
    y and z. Nothing flows through the last face of a row, so that the value before a row is zero.
    The result has the dtype of ``like``, as the three factors have.
    """
    x, y = slot + at, slot + size
    change = t_x * (convert(load(state, x), like) - convert(load(state, x - 1), like))
    change += t_y * (convert(load(state, y + at), like) - convert(load(state, y + above), like))
    if volume is not None:
        z = slot + 2 * size
        inflow = convert(load(state, z + before), like)
        change += t_z * (convert(load(state, z + at), like) - inflow)
    return change


@helper
def _ascent(state, y, work, here, ahead, step):
    """``y + step grad u`` of 16 values of one component."""
    return load(state, y) + step * (load(work, ahead) - load(work, here))


@helper
def _factor(square, radius, at, shrink, limit, tiny):
    """The factor that shrinks vectors of the given squared norm, and projects them to the ball.

    ``limit`` is ``1 / shrink**2``.
    """
    if radius is None:
        return where_less(limit, square, inverse_root(maximum(square, limit)), shrink)
    w = load(radius, at)
    return where_less(w * w * limit, square, w * inverse_root(maximum(square, tiny)), shrink)


@helper
def _clamped(value, state, radius, at, shrink):
    """The same for single components, exact at the boundary of the ball."""
    value, w = shrink * value, fill(state, 1.0)
    if radius is not None:
        w = load(radius, at)
    return minimum(maximum(value, w - w - w), w)


@helper
def _replace(state, y, p, value, beta):
    """Make ``value`` the new flux, and extrapolate."""
    store(state, y, value + beta * (value - load(state, p)))
    store(state, p, value)


@helper
def _project(
    state, work, radius, volume, separate, channels, size, at, here, below, behind, wide,
    shrink, limit, s_x, s_y, s_z, tiny, beta,
):  # fmt: skip
    """The dual step of 16 pixels. ``at`` is their position in a slot, ``here`` that in the rolling
    rows, where the rows of a channel are ``wide`` apart from those of the one before it."""
    y_x = at
    y_y = y_x + channels * size
    y_z = y_y + channels * size
    axes = 2 if volume is None else 3
    flux = axes * channels * size
    if channels == 1 and separate:
        x = _ascent(state, y_x, work, here, here + 1, s_x)
        y = _ascent(state, y_y, work, here, below, s_y)
        if volume is not None:
            z = _ascent(state, y_z, work, here, behind, s_z)
            _replace(state, y_z, y_z + flux, _clamped(z, state, radius, at, shrink), beta)
        _replace(state, y_x, y_x + flux, _clamped(x, state, radius, at, shrink), beta)
        _replace(state, y_y, y_y + flux, _clamped(y, state, radius, at, shrink), beta)
        return
    x_norm = tiny - tiny
    y_norm, z_norm = x_norm, x_norm
    for c in range(channels):
        s, u = c * size, c * wide
        x = _ascent(state, y_x + s, work, here + u, here + u + 1, s_x)
        y = _ascent(state, y_y + s, work, here + u, below + u, s_y)
        x_norm += x * x
        y_norm += y * y
        if volume is not None:
            z = _ascent(state, y_z + s, work, here + u, behind + u, s_z)
            z_norm += z * z
    if not separate:
        x_scale = _factor(x_norm + y_norm + z_norm, radius, at, shrink, limit, tiny)
        y_scale, z_scale = x_scale, x_scale
    else:
        x_scale = _factor(x_norm, radius, at, shrink, limit, tiny)
        y_scale = _factor(y_norm, radius, at, shrink, limit, tiny)
        z_scale = _factor(z_norm, radius, at, shrink, limit, tiny)
    for c in range(channels):
        s, u = c * size, c * wide
        x = x_scale * _ascent(state, y_x + s, work, here + u, here + u + 1, s_x)
        y = y_scale * _ascent(state, y_y + s, work, here + u, below + u, s_y)
        if volume is not None:
            z = z_scale * _ascent(state, y_z + s, work, here + u, behind + u, s_z)
            _replace(state, y_z + s, y_z + flux + s, z, beta)
        _replace(state, y_x + s, y_x + flux + s, x, beta)
        _replace(state, y_y + s, y_y + flux + s, y, beta)


@helper
def sweep(
    image, state, work, edge, radius, volume, separate, counted, tau, step, shrinking,
    betas, later, first, last, begins, ends,
):  # fmt: skip
    """``len(betas)`` accelerated dual iterations on a strip, or a stretch of them.

    The flux is then that of the whole image in the strip's own rows, and in one row (or plane) on
    either side, which the certificate needs.

    Parameters
    ----------
    image, state : (C or slots, rows + 1, stride)
    work : (at least len(betas), reach + 1, C, stride + LANES)
        The rolling rows; zero beyond the stride.
    edge : (stride,)
        0 from the last column of the image on, 1 before it.
    radius : (rows + 1, stride), or None for an unweighted ball
    volume : True or None
        Whether there are three axes. Only what a None leaves is compiled.
    counted : tuple
        As long as the number of channels, which is then a constant, or empty.
    separate : bool
        Whether there is one norm per axis.
    tau, step : (3,)
        The x, y and z value (spacing folded in).
    shrinking : float
        What Huber's term shrinks the ascent step by.
    betas : (iterations,)
    later : int
        Iterations to be done before the halo is refreshed.
    first, last : int
        The strip's own rows. Each iteration needs one row (or plane) less of the halo.
    begins, ends : float
        The stretch, as shares of the wavefront's way. Between stretches, ``work`` must be kept.
    """
    height, stride = state.shape[1] - 1, state.shape[2]
    reach = 1  # a constant, which makes rows cheaper to count
    if volume is not None:
        reach = work.shape[1] - 1
    size, wide = (height + 1) * stride, work.shape[3]
    channels = len(counted) or work.shape[2]
    zero, tiny = fill(state, 0.0), fill(state, _TINY)
    shrink, limit = fill(state, shrinking), fill(state, 1 / shrinking**2)
    t_x, t_y, t_z = fill(state, tau[0]), fill(state, tau[1]), fill(state, tau[2])
    s_x = fill(state, step[0])
    way = height + reach * betas.shape[0]
    for front in range(int(begins * way), int(ends * way)):
        for k in range(betas.shape[0]):
            r = front - reach * k
            q = r - reach
            needed = reach * (later + betas.shape[0] - k)
            if r < first - needed or r < 0 or q >= last + needed or q >= height:
                continue
            rows = k * (reach + 1)
            new = (rows + r % (reach + 1)) * channels * wide
            here = (rows + q % (reach + 1)) * channels * wide
            below = (rows + (q + 1) % (reach + 1)) * channels * wide
            at = (r + 1) * stride
            before = 0
            if volume is not None and r >= reach:
                before = at - reach * stride
            closed_y, closed_z = q + 1 >= height, q + reach >= height
            if volume is not None:
                closed_y = (q + 1) % reach == 0
            s_y = zero if closed_y else fill(state, step[1])
            s_z = zero if closed_z else fill(state, step[2])
            beta = fill(state, betas[k])
            for j in range(0, stride, LANES):
                if r < height:
                    for c in range(channels):
                        x = c * size
                        u = load(image, x + at + j) + divergence(
                            state, x, channels * size, at + j, at + j - stride, before + j, volume,
                            t_x, t_y, t_z, state,
                        )  # fmt: skip
                        store(work, new + c * wide + j, u)
                if q >= 0 and q >= first - needed:
                    _project(
                        state, work, radius, volume, separate, channels, size,
                        (q + 1) * stride + j, here + j, below + j, new + j, wide,
                        shrink, limit, s_x * load(edge, j), s_y, s_z, tiny, beta,
                    )  # fmt: skip
