"""Compiled kernels for coupled channels and for volumes: one iteration per sweep.

A strip is ``state[slot, row, column]``. The slots are the C channels of f, then those of y (x, y
and, for volumes, z components, C slots each), then those of p. The rows of a volume are those of
its planes, one plane after the other.
"""

from __future__ import annotations

import numba as nb
import numpy as np

from .kernels_planar import OPTIONS


@nb.njit(**OPTIONS)
def _primal_inside(state, u, c, r, x, y, z, plane, tau):
    """A row with a row above it and (for volumes, z >= 0) a plane before it, in one loop."""
    width = state.shape[2]
    if z >= 0:
        for j in range(1, width):
            u[c, r, j] = (
                state[c, r, j]
                + tau[0] * (state[x, r, j] - state[x, r, j - 1])
                + tau[1] * (state[y, r, j] - state[y, r - 1, j])
                + tau[2] * (state[z, r, j] - state[z, r - plane, j])
            )
    else:
        for j in range(1, width):
            u[c, r, j] = (
                state[c, r, j]
                + tau[0] * (state[x, r, j] - state[x, r, j - 1])
                + tau[1] * (state[y, r, j] - state[y, r - 1, j])
            )


@nb.njit(**OPTIONS)
def _primal_pixel(state, c, r, j, x, y, z, plane, tau):
    """One pixel at any position."""
    value = state[c, r, j] + tau[0] * state[x, r, j] + tau[1] * state[y, r, j]
    if j > 0:
        value -= tau[0] * state[x, r, j - 1]
    if r > 0:
        value -= tau[1] * state[y, r - 1, j]
    if z >= 0:
        value += tau[2] * state[z, r, j]
        if r >= plane:
            value -= tau[2] * state[z, r - plane, j]
    return value


@nb.njit(**OPTIONS)
def volume_primal(state, u, first_slot, num_axes, num_channels, rows_per_plane, tau):
    """``u = f + tau div q``, q in the slots from ``first_slot``; the last column is repeated."""
    width = state.shape[2]
    for c in range(num_channels):
        x = first_slot + c
        y = x + num_channels
        z = y + num_channels if num_axes == 3 else -1
        for r in range(state.shape[1]):
            if r > 0 and (z < 0 or r >= rows_per_plane):
                u[c, r, 0] = _primal_pixel(state, c, r, 0, x, y, z, rows_per_plane, tau)
                _primal_inside(state, u, c, r, x, y, z, rows_per_plane, tau)
            else:
                for j in range(width):
                    u[c, r, j] = _primal_pixel(state, c, r, j, x, y, z, rows_per_plane, tau)
            u[c, r, width] = u[c, r, width - 1]


@nb.njit(**OPTIONS)
def _ascend(state, u, c, r, ahead, a, slot, v, norm, step, shrink):
    """Write one component of the ascent step to ``v`` and add its square to ``norm``."""
    here = u[c, r]
    y = state[slot, r]
    if a == 0:
        for j in range(state.shape[2]):
            v[j] = shrink * (y[j] + step[0] * (here[j + 1] - here[j]))
    else:
        there = u[c, ahead]
        for j in range(state.shape[2]):
            v[j] = shrink * (y[j] + step[a] * (there[j] - here[j]))
    for j in range(state.shape[2]):
        norm[j] += v[j] * v[j]


@nb.njit(**OPTIONS)
def _scale_row(norm, r, one, tiny, radius):
    """Turn squared norms into the factors of the projection."""
    if radius.shape[0] > 0:
        w = radius[r]
        for j in range(norm.shape[0]):
            norm[j] = w[j] / np.sqrt(max(norm[j], max(w[j] * w[j], tiny)))
    else:
        for j in range(norm.shape[0]):
            norm[j] = one / np.sqrt(max(norm[j], one))


@nb.njit(**OPTIONS)
def _store(state, slot_y, slot_p, r, v, scale, beta):
    y, p = state[slot_y, r], state[slot_p, r]
    for j in range(state.shape[2]):
        q = v[j] * scale[j]
        y[j] = q + beta * (q - p[j])
        p[j] = q


@nb.njit(**OPTIONS)
def _scalar_row(state, u, r, below, behind, step, shrink, one, tiny, radius, beta):
    """A row of a greyscale volume with isotropic norm, in one loop: the common case."""
    weighted = radius.shape[0] > 0
    for j in range(state.shape[2]):
        here = u[0, r, j]
        x = shrink * (state[1, r, j] + step[0] * (u[0, r, j + 1] - here))
        y = shrink * (state[2, r, j] + step[1] * (u[0, below, j] - here))
        z = shrink * (state[3, r, j] + step[2] * (u[0, behind, j] - here))
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


@nb.njit(**OPTIONS)
def volume_sweep(
    state,
    u,
    num_axes,
    num_channels,
    rows_per_plane,
    tau,
    step,
    shrink,
    one,
    tiny,
    isotropic,
    radius,
    beta,
):
    """One accelerated dual iteration on a strip; ``u`` (channels, rows, columns + 1) is scratch."""
    height, width = state.shape[1], state.shape[2]
    first_y, first_p = num_channels, num_channels * (1 + num_axes)
    volume_primal(state, u, first_y, num_axes, num_channels, rows_per_plane, tau)
    v = np.empty((num_axes, num_channels, width), state.dtype)
    norm = np.empty(width, state.dtype)
    scalar = num_axes == 3 and num_channels == 1 and isotropic
    for r in range(height):
        at_edge = r + 1 >= height or (num_axes == 3 and (r + 1) % rows_per_plane == 0)
        if scalar:
            behind = r + rows_per_plane if r + rows_per_plane < height else r
            below = r if at_edge else r + 1
            _scalar_row(state, u, r, below, behind, step, shrink, one, tiny, radius, beta)
            continue
        for a in range(num_axes):
            if a == 0 or not isotropic:
                norm[:] = 0
            ahead = r if at_edge else r + 1
            if a == 2:
                ahead = r + rows_per_plane if r + rows_per_plane < height else r
            for c in range(num_channels):
                slot = first_y + a * num_channels + c
                _ascend(state, u, c, r, ahead, a, slot, v[a, c], norm, step, shrink)
            if not isotropic:
                _scale_row(norm, r, one, tiny, radius)
                for c in range(num_channels):
                    k = a * num_channels + c
                    _store(state, first_y + k, first_p + k, r, v[a, c], norm, beta)
        if isotropic:
            _scale_row(norm, r, one, tiny, radius)
            for k in range(num_axes * num_channels):
                q = v[k // num_channels, k % num_channels]
                _store(state, first_y + k, first_p + k, r, q, norm, beta)
