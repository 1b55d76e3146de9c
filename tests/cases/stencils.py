"""Matrices of the grid operators, assembled pixel by pixel from the definitions."""

from collections.abc import Callable, Sequence
from itertools import product
from typing import Any

import numpy as np

Pixel = tuple[int, ...]


def dense(operator: Callable[[np.ndarray], Any], shape: Sequence[int]) -> np.ndarray:
    """The matrix of a linear operator on arrays of this shape, column by column."""
    columns = np.eye(int(np.prod(shape)))
    return np.stack([np.asarray(operator(column.reshape(shape))).ravel() for column in columns], 1)


def _neighbour(pixel: Pixel, axis: int, step: int, shape: Pixel, periodic: bool) -> Pixel | None:
    moved = list(pixel)
    moved[axis] += step
    if periodic:
        moved[axis] %= shape[axis]
    return tuple(moved) if 0 <= moved[axis] < shape[axis] else None


def gradient_matrix(shape: Pixel, spacing: Sequence[float], periodic: bool) -> np.ndarray:
    """Rows (axis, pixel), columns pixel: forward differences, none across the last face."""
    number = {pixel: k for k, pixel in enumerate(np.ndindex(shape))}
    matrix = np.zeros((len(shape), len(number), len(number)))
    for axis, pixel in product(range(len(shape)), number):
        ahead = _neighbour(pixel, axis, 1, shape, periodic)
        if ahead is not None:
            matrix[axis, number[pixel], number[ahead]] += 1 / spacing[axis]
            matrix[axis, number[pixel], number[pixel]] -= 1 / spacing[axis]
    return matrix.reshape(-1, len(number))


def symmetrised_matrix(shape: Pixel, spacing: Sequence[float], periodic: bool) -> np.ndarray:
    """Rows (entry, pixel), columns (component, pixel).

    The entry a, b is the sum of the halves of ``d_b w_a`` and ``d_a w_b``, times the root of 2 off
    the diagonal; a difference is left out if one of its two faces is not between two pixels.
    """
    ndim = len(shape)
    number = {pixel: k for k, pixel in enumerate(np.ndindex(shape))}
    pairs = [(a, b) for a in range(ndim) for b in range(a, ndim)]
    matrix = np.zeros((len(pairs), len(number), ndim, len(number)))
    for (k, pair), pixel in product(enumerate(pairs), number):
        weight = 0.5 if pair[0] == pair[1] else 0.5 * np.sqrt(2)
        for a, b in (pair, pair[::-1]):
            behind = _neighbour(pixel, b, -1, shape, periodic)
            faces = [
                p for p in (pixel, behind) if p is not None and (periodic or p[a] + 1 < shape[a])
            ]
            if len(faces) == 2:
                matrix[k, number[pixel], a, number[faces[0]]] += weight / spacing[b]
                matrix[k, number[pixel], a, number[faces[1]]] -= weight / spacing[b]
    return matrix.reshape(len(pairs) * len(number), -1)
