"""Transfer between a grid and one of half its size: average images, interpolate fluxes.

`prolong` uses the flux of a coarse face for each fine face in it and interpolates linearly across
the cell. The divergence of the result is then constant on the blocks that `average` averages over.
The functions accept NumPy arrays and torch tensors.
"""

from collections.abc import Sequence
from itertools import product

import numpy as np

from ..core.namespace import Array, is_torch, namespace
from .differences import part


def average(u: Array) -> Array:
    """Average pairs of pixels along the axes of (channels, \\*space); an odd last one is kept."""
    for axis in range(1, u.ndim):
        u = _in_pairs(u, axis)
    return u if is_torch(u) else np.ascontiguousarray(u)


def _in_pairs(u: Array, axis: int) -> Array:
    """Average pairs of entries along an axis; if their number is odd, the last one is kept."""
    if u.shape[axis] == 1:
        return u
    index = (slice(None),) * axis
    even, odd = u[(*index, slice(0, None, 2))], u[(*index, slice(1, None, 2))]
    pairs = odd.shape[axis]
    mean = even[part(axis, 0, pairs)] + odd
    mean /= 2
    if even.shape[axis] == pairs:
        return mean
    return namespace(u).concatenate((mean, even[part(axis, pairs, None)]), axis)


def prolong(p: Array, shape: Sequence[int]) -> Array:
    """Interpolate a coarse flux (d, channels, \\*coarse) to ``shape`` = (channels, \\*space).

    The coarse flux must be zero at the last face of each axis; the fine flux then is as well.
    """
    fine = p.new_zeros((len(p), *shape)) if is_torch(p) else np.zeros((len(p), *shape), p.dtype)
    for axis in range(len(p)):
        _prolong_component(p[axis], axis + 1, fine[axis])
    return fine


def _prolong_component(q: Array, across: int, out: Array) -> None:
    """Interpolate one component, the flux along the axis ``across``, into zeros."""
    if out.shape[across] == 1:
        return
    middle = q / 2  # of each cell
    middle[part(across, 1, None)] += q[part(across, 0, q.shape[across] - 1)] / 2
    halves = [
        (slice(0, None, 2), slice(1, None, 2)) if n > 1 else (slice(None),) for n in out.shape[1:]
    ]
    for places in product(*halves):
        fine = out[(slice(None), *places)]
        source = middle if places[across - 1].start == 0 else q
        fine[:] = source[tuple(slice(n) for n in fine.shape)]
    out[part(across, out.shape[across] - 1, None)] = 0


def interpolate(u: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    """Interpolate values at coarse pixels, (\\*batch, \\*coarse), linearly to ``shape``.

    ``shape`` are the lengths of the fine axes. Beyond the border, values are constant.
    """
    for axis, size in zip(range(u.ndim - len(shape), u.ndim), shape, strict=True):
        if size == 1:
            continue
        last = u.shape[axis] - 1
        before = np.concatenate((u[part(axis, 0, 1)], u[part(axis, 0, last)]), axis)
        after = np.concatenate((u[part(axis, 1, None)], u[part(axis, last, None)]), axis)
        pairs = np.stack((0.75 * u + 0.25 * before, 0.75 * u + 0.25 * after), axis + 1)
        doubled = (*u.shape[:axis], 2 * u.shape[axis], *u.shape[axis + 1 :])
        u = pairs.reshape(doubled)[part(axis, 0, size)]
    return u
