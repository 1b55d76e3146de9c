"""Compiled kernels for coupled channels and for volumes: one iteration a sweep.

A band is ``state[slot, row, column]``: the C channels of f, then of y (x, y and, for volumes, z
components, C slots each), then of p. Rows of a volume run through its planes one after another.
"""

from __future__ import annotations

import numba as nb
import numpy as np

from .kernels_planar import OPTIONS


@nb.njit(**OPTIONS)
def volume_primal(state, u, first_slot, num_axes, num_channels, rows_per_plane, tau):
    """``u = f + tau div q``, q in the slots from ``first_slot``; one column more, a copy."""
    width = state.shape[2]
    for c in range(num_channels):
        for r in range(state.shape[1]):
            out = u[c, r]
            f = state[c, r]
            x = state[first_slot + c, r]
            y = state[first_slot + num_channels + c, r]
            out[0] = f[0] + tau[0] * x[0] + tau[1] * y[0]
            for j in range(1, width):
                out[j] = f[j] + tau[0] * (x[j] - x[j - 1]) + tau[1] * y[j]
            if r > 0:
                above = state[first_slot + num_channels + c, r - 1]
                for j in range(width):
                    out[j] -= tau[1] * above[j]
            if num_axes == 3:
                z = state[first_slot + 2 * num_channels + c, r]
                for j in range(width):
                    out[j] += tau[2] * z[j]
                if r >= rows_per_plane:
                    behind = state[first_slot + 2 * num_channels + c, r - rows_per_plane]
                    for j in range(width):
                        out[j] -= tau[2] * behind[j]
            out[width] = out[width - 1]


@nb.njit(**OPTIONS)
def _ascend(state, u, c, r, ahead, a, slot, v, norm, step, shrink):
    """One component of the ascent step into ``v``, its square added to ``norm``."""
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
def volume_sweep(
    state, u, num_axes, num_channels, rows_per_plane,
    tau, step, shrink, one, tiny, isotropic, radius, beta,
):
    """One accelerated dual iteration on a band; ``u`` (channels, rows, columns + 1) is scratch."""
    height, width = state.shape[1], state.shape[2]
    first_y, first_p = num_channels, num_channels * (1 + num_axes)
    volume_primal(state, u, first_y, num_axes, num_channels, rows_per_plane, tau)
    v = np.empty((num_axes, num_channels, width), state.dtype)
    norm = np.empty(width, state.dtype)
    for r in range(height):
        at_edge = r + 1 >= height or (num_axes == 3 and (r + 1) % rows_per_plane == 0)
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
