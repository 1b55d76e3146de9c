"""The certificate's sums in float64 for weights and Huber smoothing (`kernels_slack`: others).

The flux is multiplied by ``feasible`` (slightly less than one over its largest norm), so that it
lies in the dual ball. Sums run over the strip's own rows, without the halo.
"""

from __future__ import annotations

import numpy as np

from ...core.compiled import helper, kernel


@kernel
def largest_norm(state, num_axes, num_channels, isotropic, radius, first, last):
    """The largest ``|p| / w`` over the rows first..last; for w = 0, 0 if p is 0 and inf if not."""
    width = state.shape[2]
    base = num_channels * (1 + num_axes)
    squares = np.empty(width)
    largest = np.zeros(width)
    for r in range(first, last):
        for a in range(num_axes):
            if a == 0 or not isotropic:
                squares[:] = 0.0
            for c in range(num_channels):
                p = state[base + a * num_channels + c, r]
                for j in range(width):
                    squares[j] += np.float64(p[j]) * np.float64(p[j])
            if a == num_axes - 1 or not isotropic:
                if radius.shape[0] == 0:
                    for j in range(width):
                        largest[j] = max(largest[j], squares[j])
                else:
                    for j in range(width):
                        w = np.float64(radius[r, j])
                        if squares[j] > 0.0:
                            largest[j] = max(largest[j], squares[j] / (w * w) if w > 0 else np.inf)
    square = largest[0]
    for j in range(1, width):  # NumPy's max takes longer to compile than this whole function
        square = max(square, largest[j])
    return np.sqrt(square)


@kernel
def exact_primal(state, exact, num_axes, num_channels, rows_per_plane, tau, feasible):
    """``f + tau div(feasible p)`` in float64 on the whole strip, with its last column repeated."""
    width = state.shape[2]
    base = num_channels * (1 + num_axes)
    t_x, t_y = tau[0] * feasible, tau[1] * feasible
    t_z = tau[2] * feasible
    for c in range(num_channels):
        for r in range(state.shape[1]):
            out = exact[c, r]
            f = state[c, r]
            x = state[base + c, r]
            y = state[base + num_channels + c, r]
            out[0] = np.float64(f[0]) + t_x * np.float64(x[0]) + t_y * np.float64(y[0])
            for j in range(1, width):
                out[j] = (
                    np.float64(f[j])
                    + t_x * (np.float64(x[j]) - np.float64(x[j - 1]))
                    + t_y * np.float64(y[j])
                )
            if r > 0:
                above = state[base + num_channels + c, r - 1]
                for j in range(width):
                    out[j] -= t_y * np.float64(above[j])
            if num_axes == 3:
                z = state[base + 2 * num_channels + c, r]
                for j in range(width):
                    out[j] += t_z * np.float64(z[j])
                if r >= rows_per_plane:
                    z = state[base + 2 * num_channels + c, r - rows_per_plane]
                    for j in range(width):
                        out[j] -= t_z * np.float64(z[j])
            out[width] = out[width - 1]


@helper
def _add_squares(exact, state, stored, c, r, sums):
    """Add ``||u1-u0||^2, ||u1||^2, ||u0||^2, ||stored-u1||^2`` of one row."""
    u1, u0, s = exact[c, r], state[c, r], stored[c, r]
    change, size, start, residual = 0.0, 0.0, 0.0, 0.0
    for j in range(state.shape[2]):
        b = u1[j]
        a = np.float64(u0[j])
        d = np.float64(s[j]) - b
        change += (b - a) * (b - a)
        size += b * b
        start += a * a
        residual += d * d
    sums[4] += change
    sums[5] += size
    sums[6] += start
    sums[7] += residual


@helper
def _accumulate(f, f_ahead, u, u_ahead, p, shift, gradient, half_huber, feasible, work):
    """Add one component's squares and products to the row's six sums (see `_general_row`).

    ``shift`` is 1 for differences along the row (then ahead is the row itself), else 0.
    """
    last = f.shape[0] - shift
    for j in range(last):
        d0 = gradient * (np.float64(f_ahead[j + shift]) - np.float64(f[j]))
        d1 = gradient * (u_ahead[j + shift] - u[j])
        q = feasible * np.float64(p[j])
        work[0, j] += d0 * d0
        work[1, j] += d1 * d1
        work[2, j] += (d0 + d1) * (d0 + d1)
        work[3, j] += q * d0
        work[4, j] += q * d1
        work[5, j] += half_huber * q * q


@helper
def _density(square, w, huber):
    n = np.sqrt(square)
    quadratic = square / (2.0 * huber) if huber > 0.0 else 0.0
    return quadratic if n < w * huber else w * n - 0.5 * huber * w * w


@helper
def _add_row(work, radius, r, huber, sums):
    """Turn the six sums of a row into densities, slacks and values."""
    h0, h1, hm, slack, segment, dual = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    width = work.shape[1]
    if huber == 0.0 and radius.shape[0] == 0:
        for j in range(width):
            b = np.sqrt(work[1, j])
            h0 += np.sqrt(work[0, j])
            h1 += b
            hm += 0.5 * np.sqrt(work[2, j])
            slack += b - work[4, j]
            segment += 0.5 * (work[3, j] + work[4, j])
    else:
        for j in range(width):
            w = np.float64(radius[r, j]) if radius.shape[0] > 0 else 1.0
            b = _density(work[1, j], w, huber)
            h0 += _density(work[0, j], w, huber)
            h1 += b
            hm += _density(0.25 * work[2, j], w, huber)
            slack += b - work[4, j] + work[5, j]
            segment += 0.5 * (work[3, j] + work[4, j])
            dual += work[5, j]
    sums[0] += slack
    sums[1] += 0.25 * (h0 + 2.0 * hm + h1) - segment + dual
    sums[2] += h0
    sums[3] += h1
    sums[8] += dual


@helper
def _general_row(
    state, exact, r, aheads, gradient, num_channels, isotropic, huber, radius, sums, feasible, work
):
    """Total-variation sums of one row for channels, weights, Huber and three axes.

    ``work`` holds |grad u0|^2, |grad u1|^2, |grad u0 + grad u1|^2, <p, grad u0>, <p, grad u1> and
    (eps/2)|p|^2 of every pixel of the row.
    """
    num_axes = aheads.shape[0]
    base = num_channels * (1 + num_axes)
    for a in range(num_axes):
        if a == 0 or not isotropic:
            work[:] = 0.0
        for c in range(num_channels):
            p = state[base + a * num_channels + c, r]
            _accumulate(
                state[c, r],
                state[c, aheads[a]],
                exact[c, r, : p.shape[0]],
                exact[c, aheads[a], : p.shape[0]],
                p,
                1 if a == 0 else 0,
                gradient[a],
                0.5 * huber,
                feasible,
                work,
            )
        if a == num_axes - 1 or not isotropic:
            _add_row(work, radius, r, huber, sums)


@kernel
def certificate_sums(
    state,
    exact,
    stored,
    num_axes,
    num_channels,
    rows_per_plane,
    gradient,
    isotropic,
    huber,
    radius,
    feasible,
    first,
    last,
):
    """Sums over the rows first..last: slack at the stop, slack along the segment, J at start and
    stop, ``||u1-u0||^2, ||u1||^2, ||u0||^2, ||stored-u1||^2`` and ``(eps/2)||p||^2``."""
    height, width = state.shape[1], state.shape[2]
    sums = np.zeros(9)
    row_sums = np.zeros(9)
    work = np.empty((6, width))
    aheads = np.empty(num_axes, np.int64)
    for r in range(first, last):
        row_sums[:] = 0.0
        at_edge = r + 1 >= height or (num_axes == 3 and (r + 1) % rows_per_plane == 0)
        aheads[0] = r
        aheads[1] = r if at_edge else r + 1
        if num_axes == 3:
            aheads[2] = r + rows_per_plane if r + rows_per_plane < height else r
        _general_row(
            state, exact, r, aheads, gradient, num_channels, isotropic, huber, radius, row_sums,
            feasible, work,
        )  # fmt: skip
        for c in range(num_channels):
            _add_squares(exact, state, stored, c, r, row_sums)
        sums += row_sums
    return sums
