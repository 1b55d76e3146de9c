"""Homogeneous diffusion inpainting by plain conjugate gradients: the baseline of the literature.

Peter (*A Wasserstein GAN for joint learning of inpainting and spatial optimisation*, 2022) times
probabilistic sparsification and nonlocal pixel exchange with conjugate gradients to a relative
residual of 1e-6. This is that solver: no preconditioner, matrix-free, compiled, float64, one
thread, each channel separately, no computation at known pixels.
"""

from __future__ import annotations

from typing import Any

import numba as nb
import numpy as np

_OPTIONS: Any = {
    "fastmath": {"nsz", "arcp", "contract", "afn", "reassoc"},
    "cache": True,
    "nogil": True,
}


def conjugate_gradients(
    values: np.ndarray,
    known: np.ndarray,
    start: np.ndarray | None = None,
    *,
    tol: float = 1e-6,
    max_num_iter: int = 100_000,
) -> np.ndarray:
    """Solve ``-Laplacian u = 0`` at unknown pixels with ``u = values`` at known pixels.

    Parameters
    ----------
    values : array (channels, height, width)
        Only the values at known pixels are used.
    known : Boolean array (height, width)
        At least one entry must be True.
    start : array like ``values``, optional
        Initial guess; None: zero.
    tol : float
        Relative residual ``|b - A u| / |b|`` of the system for the unknown pixels, per channel.
    max_num_iter : int
        Largest number of iterations per channel.

    Returns
    -------
    array
        The solution, in the shape and dtype of ``values``.

    Raises
    ------
    RuntimeError
        If ``max_num_iter`` iterations are not enough.
    """
    filled = np.where(known, values, 0.0 if start is None else start).astype(np.float64)
    for channel in range(len(values)):
        if _solve(filled[channel], known, tol, max_num_iter) > max_num_iter:
            raise RuntimeError(f"conjugate gradients needs more than {max_num_iter} iterations")
    return filled.astype(values.dtype)


def cold_conjugate_gradients(
    values: np.ndarray, known: np.ndarray, start: np.ndarray | None = None
) -> np.ndarray:
    """`conjugate_gradients` to 1e-6 from zero; ``start`` is ignored."""
    del start
    return conjugate_gradients(values, known)


@nb.njit(**_OPTIONS)
def _apply(u, known, out):  # type: ignore[no-untyped-def]
    """``out = A u`` at the unknown pixels (zero elsewhere), and ``sum u * out`` over them."""
    height, width = u.shape
    total = 0.0
    for i in range(height):
        for j in range(width):
            if known[i, j]:
                out[i, j] = 0.0
                continue
            value = 0.0
            if i > 0:
                value += u[i, j] - u[i - 1, j]
            if i < height - 1:
                value += u[i, j] - u[i + 1, j]
            if j > 0:
                value += u[i, j] - u[i, j - 1]
            if j < width - 1:
                value += u[i, j] - u[i, j + 1]
            out[i, j] = value
            total += u[i, j] * value
    return total


@nb.njit(**_OPTIONS)
def _right_side(u, known):  # type: ignore[no-untyped-def]
    """``|b|^2``, where b is the contribution of known neighbours to the unknown pixels."""
    height, width = u.shape
    total = 0.0
    for i in range(height):
        for j in range(width):
            if known[i, j]:
                continue
            value = 0.0
            if i > 0 and known[i - 1, j]:
                value += u[i - 1, j]
            if i < height - 1 and known[i + 1, j]:
                value += u[i + 1, j]
            if j > 0 and known[i, j - 1]:
                value += u[i, j - 1]
            if j < width - 1 and known[i, j + 1]:
                value += u[i, j + 1]
            total += value * value
    return total


@nb.njit(**_OPTIONS)
def _solve(u, known, tol, max_num_iter):  # type: ignore[no-untyped-def]
    """Conjugate gradients in place; returns the iterations, above the limit on failure."""
    goal = tol * tol * _right_side(u, known)
    residual = np.empty_like(u)
    _apply(u, known, residual)
    square = 0.0
    direction = np.zeros_like(u)
    for i in range(u.shape[0]):
        for j in range(u.shape[1]):
            residual[i, j] = -residual[i, j]
            direction[i, j] = residual[i, j]
            square += residual[i, j] * residual[i, j]
    image = np.empty_like(u)
    iterations = 0
    while square > goal:
        if iterations == max_num_iter:
            return iterations + 1
        iterations += 1
        step = square / _apply(direction, known, image)
        previous, square = square, 0.0
        for i in range(u.shape[0]):
            for j in range(u.shape[1]):
                u[i, j] += step * direction[i, j]
                residual[i, j] -= step * image[i, j]
                square += residual[i, j] * residual[i, j]
        beta = square / previous
        for i in range(u.shape[0]):
            for j in range(u.shape[1]):
                direction[i, j] = residual[i, j] + beta * direction[i, j]
    return iterations
