"""Compiled kernels for scalar images of one or two axes: several iterations in one sweep.

A strip is ``state[slot, row, column]`` with slots f, y_x, y_y, p_x, p_y. One sweep runs
``len(betas)`` iterations as a wavefront over the rows: iteration k works two rows behind iteration
k-1. A row is thus loaded once and stays in cache for all iterations, and each iteration needs only
two rolling rows of the primal image ``u = f + tau div y``. All arithmetic is in the dtype of the
strip, which every scalar argument must have as well.
"""

from __future__ import annotations

import numba as nb
import numpy as np

# NaN and infinity are respected; sums may be reordered so that they vectorise.
OPTIONS = {
    "fastmath": {"nsz", "arcp", "contract", "afn", "reassoc"},
    "cache": True,
    "nogil": True,
    "error_model": "numpy",
}


@nb.njit(**OPTIONS)
def primal_row(state, y_x, y_y, u, r, tau_x, tau_y):
    """``u = f + tau div y`` in row r, from the slots y_x and y_y; the last column is repeated."""
    width = state.shape[2]
    if r > 0:
        u[0] = (
            state[0, r, 0]
            + tau_y * (state[y_y, r, 0] - state[y_y, r - 1, 0])
            + tau_x * state[y_x, r, 0]
        )
        for j in range(1, width):
            u[j] = (
                state[0, r, j]
                + tau_y * (state[y_y, r, j] - state[y_y, r - 1, j])
                + tau_x * (state[y_x, r, j] - state[y_x, r, j - 1])
            )
    else:
        u[0] = state[0, 0, 0] + tau_y * state[y_y, 0, 0] + tau_x * state[y_x, 0, 0]
        for j in range(1, width):
            u[j] = (
                state[0, 0, j]
                + tau_y * state[y_y, 0, j]
                + tau_x * (state[y_x, 0, j] - state[y_x, 0, j - 1])
            )
    u[width] = u[width - 1]


@nb.njit(**OPTIONS)
def _isotropic_row(state, u, below, r, s_x, s_y, shrink, one, beta):
    for j in range(state.shape[2]):
        x = shrink * (state[1, r, j] + s_x * (u[j + 1] - u[j]))
        y = shrink * (state[2, r, j] + s_y * (below[j] - u[j]))
        scale = one / np.sqrt(max(x * x + y * y, one))
        x *= scale
        y *= scale
        state[1, r, j] = x + beta * (x - state[3, r, j])
        state[2, r, j] = y + beta * (y - state[4, r, j])
        state[3, r, j] = x
        state[4, r, j] = y


@nb.njit(**OPTIONS)
def _isotropic_row_weighted(state, u, below, r, s_x, s_y, shrink, tiny, beta, radius):
    for j in range(state.shape[2]):
        w = radius[r, j]
        x = shrink * (state[1, r, j] + s_x * (u[j + 1] - u[j]))
        y = shrink * (state[2, r, j] + s_y * (below[j] - u[j]))
        scale = w / np.sqrt(max(x * x + y * y, max(w * w, tiny)))
        x *= scale
        y *= scale
        state[1, r, j] = x + beta * (x - state[3, r, j])
        state[2, r, j] = y + beta * (y - state[4, r, j])
        state[3, r, j] = x
        state[4, r, j] = y


@nb.njit(**OPTIONS)
def _anisotropic_row(state, u, below, r, s_x, s_y, shrink, one, beta, radius):
    for j in range(state.shape[2]):
        w = radius[r, j] if radius.shape[0] > 0 else one
        x = shrink * (state[1, r, j] + s_x * (u[j + 1] - u[j]))
        y = shrink * (state[2, r, j] + s_y * (below[j] - u[j]))
        x = min(max(x, -w), w)
        y = min(max(y, -w), w)
        state[1, r, j] = x + beta * (x - state[3, r, j])
        state[2, r, j] = y + beta * (y - state[4, r, j])
        state[3, r, j] = x
        state[4, r, j] = y


@nb.njit(**OPTIONS)
def sweep(state, work, tau, step, shrink, one, tiny, isotropic, radius, betas):
    """Do ``len(betas)`` accelerated dual iterations on a strip.

    ``work`` is (len(betas), 2, at least columns + 1). ``tau`` and ``step`` have one value for x and
    one for y, which include the spacing. ``radius`` is (rows, columns), or (0, 0) for an unweighted
    ball.
    """
    height = state.shape[1]
    for front in range(height + 2 * betas.shape[0]):
        for k in range(betas.shape[0]):
            r = front - 2 * k
            if 0 <= r < height:
                primal_row(state, 1, 2, work[k, r & 1], r, tau[0], tau[1])
            r -= 1
            if 0 <= r < height:
                u = work[k, r & 1]
                below = work[k, 1 - (r & 1)] if r + 1 < height else u
                if not isotropic:
                    _anisotropic_row(
                        state, u, below, r, step[0], step[1], shrink, one, betas[k], radius
                    )
                elif radius.shape[0] > 0:
                    _isotropic_row_weighted(
                        state, u, below, r, step[0], step[1], shrink, tiny, betas[k], radius
                    )
                else:
                    _isotropic_row(state, u, below, r, step[0], step[1], shrink, one, betas[k])


@nb.njit(**OPTIONS)
def primal(state, u, tau):
    """``u = f + tau div p`` on a strip, with the last column repeated."""
    for r in range(state.shape[1]):
        primal_row(state, 3, 4, u[r], r, tau[0], tau[1])
