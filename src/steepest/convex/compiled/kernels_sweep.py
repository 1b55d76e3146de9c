"""Compiled kernels of the dual iteration: several iterations in one sweep.

A strip is ``state[slot, row, column]``: the C channels of f, then of y_x, y_y (and y_z), then of p.
The rows of a volume run through its planes one after another. One sweep runs ``len(betas)``
iterations as a wavefront over the rows: each iteration works ``reach + 1`` rows behind the one
before it, where ``reach`` is 1, or the number of rows of a plane. A row is thus loaded once and
stays in cache for all iterations, and each iteration needs only ``reach + 1`` rolling rows of the
primal image ``u = f + tau div y``. All arithmetic is in the dtype of the strip, which every scalar
argument must have as well.
"""

from __future__ import annotations

import numpy as np

from ...core.compiled import helper, kernel


@helper
def primal_row(state, c, x, y, z, r, plane, tau, u, a, b, d):
    """``u[a, b, d] = f + tau div y`` for row r, from the slots c and x, y, z.

    ``u`` has one column more, a copy of the last. Rows are indexed, never passed: making a view
    costs as much as ten pixels. ``plane`` is None for two axes (what numba then compiles has no z).
    Nothing flows through the last face of an axis, so that the row above the first one of a plane,
    which is of another plane, adds nothing.
    """
    t_x, t_y = tau[0], tau[1]
    width = state.shape[2]
    if r > 0:
        u[a, b, d, 0] = (
            state[c, r, 0] + t_x * state[x, r, 0] + t_y * (state[y, r, 0] - state[y, r - 1, 0])
        )
        for j in range(1, width):
            u[a, b, d, j] = (
                state[c, r, j]
                + t_x * (state[x, r, j] - state[x, r, j - 1])
                + t_y * (state[y, r, j] - state[y, r - 1, j])
            )
    else:
        u[a, b, d, 0] = state[c, 0, 0] + t_x * state[x, 0, 0] + t_y * state[y, 0, 0]
        for j in range(1, width):
            u[a, b, d, j] = (
                state[c, 0, j] + t_x * (state[x, 0, j] - state[x, 0, j - 1]) + t_y * state[y, 0, j]
            )
    if plane is not None:
        t_z = tau[2]
        if r >= plane:
            for j in range(width):
                u[a, b, d, j] += t_z * (state[z, r, j] - state[z, r - plane, j])
        else:
            for j in range(width):
                u[a, b, d, j] += t_z * state[z, r, j]
    u[a, b, d, width] = u[a, b, d, width - 1]


@helper
def _isotropic_row(state, u, k, here, below, r, s_x, s_y, shrink, one, beta):
    for j in range(state.shape[2]):
        x = shrink * (state[1, r, j] + s_x * (u[k, here, 0, j + 1] - u[k, here, 0, j]))
        y = shrink * (state[2, r, j] + s_y * (u[k, below, 0, j] - u[k, here, 0, j]))
        scale = one / np.sqrt(max(x * x + y * y, one))
        x *= scale
        y *= scale
        state[1, r, j] = x + beta * (x - state[3, r, j])
        state[2, r, j] = y + beta * (y - state[4, r, j])
        state[3, r, j] = x
        state[4, r, j] = y


@helper
def _weighted_row(state, u, k, here, below, r, s_x, s_y, shrink, tiny, beta, radius):
    for j in range(state.shape[2]):
        w = radius[r, j]
        x = shrink * (state[1, r, j] + s_x * (u[k, here, 0, j + 1] - u[k, here, 0, j]))
        y = shrink * (state[2, r, j] + s_y * (u[k, below, 0, j] - u[k, here, 0, j]))
        scale = w / np.sqrt(max(x * x + y * y, max(w * w, tiny)))
        x *= scale
        y *= scale
        state[1, r, j] = x + beta * (x - state[3, r, j])
        state[2, r, j] = y + beta * (y - state[4, r, j])
        state[3, r, j] = x
        state[4, r, j] = y


@helper
def _anisotropic_row(state, u, k, here, below, r, s_x, s_y, shrink, one, beta, radius):
    for j in range(state.shape[2]):
        w = radius[r, j] if radius.shape[0] > 0 else one
        x = shrink * (state[1, r, j] + s_x * (u[k, here, 0, j + 1] - u[k, here, 0, j]))
        y = shrink * (state[2, r, j] + s_y * (u[k, below, 0, j] - u[k, here, 0, j]))
        x = min(max(x, -w), w)
        y = min(max(y, -w), w)
        state[1, r, j] = x + beta * (x - state[3, r, j])
        state[2, r, j] = y + beta * (y - state[4, r, j])
        state[3, r, j] = x
        state[4, r, j] = y


@helper
def _volume_row(state, u, k, here, below, behind, r, step, shrink, one, tiny, beta, radius):
    """A row of a grey volume with isotropic norm."""
    s_x, s_y, s_z = step[0], step[1], step[2]
    weighted = radius.shape[0] > 0
    for j in range(state.shape[2]):
        x = shrink * (state[1, r, j] + s_x * (u[k, here, 0, j + 1] - u[k, here, 0, j]))
        y = shrink * (state[2, r, j] + s_y * (u[k, below, 0, j] - u[k, here, 0, j]))
        z = shrink * (state[3, r, j] + s_z * (u[k, behind, 0, j] - u[k, here, 0, j]))
        if weighted:
            w = radius[r, j]
            scale = w / np.sqrt(max(x * x + y * y + z * z, max(w * w, tiny)))
        else:
            scale = one / np.sqrt(max(x * x + y * y + z * z, one))
        x *= scale
        y *= scale
        z *= scale
        state[1, r, j] = x + beta * (x - state[4, r, j])
        state[2, r, j] = y + beta * (y - state[5, r, j])
        state[3, r, j] = z + beta * (z - state[6, r, j])
        state[4, r, j] = x
        state[5, r, j] = y
        state[6, r, j] = z


@helper
def _add_square(state, slot, r, u, k, here, ahead, c, along, step, norm):
    """Add the square of one component of the ascent step, computed here and again in `_update`.

    ``along``: differences within the row ``here``, else between it and the row ``ahead``.
    """
    if along:
        for j in range(state.shape[2]):
            v = state[slot, r, j] + step * (u[k, here, c, j + 1] - u[k, here, c, j])
            norm[j] += v * v
    else:
        for j in range(state.shape[2]):
            v = state[slot, r, j] + step * (u[k, ahead, c, j] - u[k, here, c, j])
            norm[j] += v * v


@helper
def _scale_row(norm, r, shrink, one, tiny, radius):
    """Turn squared norms into what shrinking and projection multiply the ascent step by."""
    if radius.shape[0] > 0:
        for j in range(norm.shape[0]):
            w = radius[r, j]
            square = shrink * shrink * norm[j]
            norm[j] = shrink * w / np.sqrt(max(square, max(w * w, tiny)))
    else:
        for j in range(norm.shape[0]):
            norm[j] = shrink / np.sqrt(max(shrink * shrink * norm[j], one))


@helper
def _update(state, y, p, r, u, k, here, ahead, c, along, step, scale, beta):
    """The ascent step of one component, projected and extrapolated."""
    if along:
        for j in range(state.shape[2]):
            q = state[y, r, j] + step * (u[k, here, c, j + 1] - u[k, here, c, j])
            q *= scale[j]
            state[y, r, j] = q + beta * (q - state[p, r, j])
            state[p, r, j] = q
    else:
        for j in range(state.shape[2]):
            q = state[y, r, j] + step * (u[k, ahead, c, j] - u[k, here, c, j])
            q *= scale[j]
            state[y, r, j] = q + beta * (q - state[p, r, j])
            state[p, r, j] = q


@helper
def _coupled_row(
    state,
    u,
    k,
    here,
    below,
    behind,
    axes,
    r,
    step,
    shrink,
    one,
    tiny,
    isotropic,
    beta,
    radius,
    norm,
):
    """A row of any number of channels and axes with one norm."""
    channels = u.shape[2]
    size = axes * channels
    for begin in range(0, axes, axes if isotropic else 1):
        end = axes if isotropic else begin + 1
        norm[:] = 0
        for a in range(begin, end):
            ahead = here if a == 0 else below if a == 1 else behind
            for c in range(channels):
                slot = (1 + a) * channels + c
                _add_square(state, slot, r, u, k, here, ahead, c, a == 0, step[a], norm)
        _scale_row(norm, r, shrink, one, tiny, radius)
        for a in range(begin, end):
            ahead = here if a == 0 else below if a == 1 else behind
            for c in range(channels):
                y = (1 + a) * channels + c
                _update(state, y, y + size, r, u, k, here, ahead, c, a == 0, step[a], norm, beta)


@helper
def _slot(r, ring):
    """``r % ring``, without a division for planes."""
    return r & 1 if ring == 2 else r % ring


@kernel
def sweep(state, work, plane, coupled, tau, step, shrink, one, tiny, isotropic, radius, betas):
    """``len(betas)`` accelerated dual iterations on a strip.

    ``work`` is (len(betas), reach + 1, C, at least columns + 1); ``plane`` is the number of rows
    of a plane, or None for two axes; ``coupled`` is True for several components of which the row
    kernels know nothing (channels, an anisotropic volume), else None; ``tau`` and ``step`` hold the
    x, y and z value (spacing folded in); ``radius`` is (rows, columns), or (0, 0) for an unweighted
    ball. Only what a None leaves is compiled.
    """
    height, ring, channels = state.shape[1], work.shape[1], work.shape[2]
    reach = ring - 1
    norm = np.empty(state.shape[2], state.dtype)
    for front in range(height + ring * betas.shape[0]):
        for k in range(betas.shape[0]):
            r = front - ring * k
            if 0 <= r < height:
                for c in range(channels):
                    x = channels + c
                    y, z = x + channels, x + 2 * channels
                    primal_row(state, c, x, y, z, r, plane, tau, work, k, _slot(r, ring), c)
            r -= reach
            if r < 0 or r >= height:
                continue
            here = _slot(r, ring)
            below, behind, beta = here, here, betas[k]
            if r + 1 < height:
                below = _slot(r + 1, ring)
            if plane is not None:
                if (r + 1) % plane == 0:
                    below = here
                if r + reach < height:
                    behind = _slot(r + reach, ring)
            if coupled is not None:
                axes = state.shape[0] // channels // 2
                _coupled_row(
                    state, work, k, here, below, behind, axes, r, step, shrink, one, tiny,
                    isotropic, beta, radius, norm,
                )  # fmt: skip
            elif plane is not None:
                _volume_row(
                    state, work, k, here, below, behind, r, step, shrink, one, tiny, beta, radius
                )
            elif not isotropic:
                _anisotropic_row(
                    state, work, k, here, below, r, step[0], step[1], shrink, one, beta, radius
                )
            elif radius.shape[0] > 0:
                _weighted_row(
                    state, work, k, here, below, r, step[0], step[1], shrink, tiny, beta, radius
                )
            else:
                _isotropic_row(state, work, k, here, below, r, step[0], step[1], shrink, one, beta)


@kernel
def primal(state, u, plane, tau):
    """``u = f + tau div p``, (C, rows, 1, columns + 1), on a strip; the last column is repeated."""
    channels = u.shape[0]
    first = (state.shape[0] + channels) // 2  # slot of p
    only = np.int64(0)
    for c in range(channels):
        x = first + c
        y, z = x + channels, x + 2 * channels
        for r in range(state.shape[1]):
            primal_row(state, c, x, y, z, r, plane, tau, u, c, r, only)
