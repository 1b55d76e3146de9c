"""Diffusion on small grids by dense matrices, written independently of the library (NumPy)."""

from collections.abc import Sequence
from typing import Any

import numpy as np


def minus_laplacian(
    space: Sequence[int], spacing: Sequence[float] | None = None, weights: Any = None
) -> np.ndarray:
    """``L u`` at p is the sum over neighbours q of ``w_pq (u_p - u_q)``: (N, N), float64.

    w is ``1 / spacing^2`` along each axis, or ``weights[axis]`` (\\*space), of which entry i joins
    the pixels i and i + 1.
    """
    index = np.arange(np.prod(space)).reshape(tuple(space))
    matrix = np.zeros((index.size, index.size))
    for axis, n in enumerate(space):
        first = np.take(index, np.arange(n - 1), axis)
        second = np.take(index, np.arange(1, n), axis).ravel()
        if weights is not None:
            w = np.take(weights[axis], np.arange(n - 1), axis).ravel()
        else:
            w = np.full(len(second), 1 / (1.0 if spacing is None else spacing[axis]) ** 2)
        for p, q in ((first.ravel(), second), (second, first.ravel())):
            matrix[p, p] += w
            matrix[p, q] -= w
    return matrix


def inpainted(
    values: np.ndarray, confidence: np.ndarray, spacing: Sequence[float] | None = None
) -> np.ndarray:
    """The solution of ``c (u - f) + (1 - c) L u = 0``, f = values (C, \\*space), c (\\*space)."""
    c = confidence.ravel().astype(float)
    matrix = np.diag(c) + (1 - c)[:, None] * minus_laplacian(confidence.shape, spacing)
    flat = np.where(c > 0, values.reshape(len(values), -1), 0)
    return np.linalg.solve(matrix, (c * flat).T).T.reshape(values.shape)


def echoes(known: np.ndarray) -> np.ndarray:
    """Inpaintings of the unit impulses at the known pixels of (\\*space), as columns (N, K)."""
    flat = known.ravel()
    matrix = minus_laplacian(known.shape)
    out = np.zeros((flat.size, int(flat.sum())))
    out[flat] = np.eye(out.shape[1])
    if not flat.all():
        out[~flat] = np.linalg.solve(matrix[np.ix_(~flat, ~flat)], -matrix[np.ix_(~flat, flat)])
    return out
