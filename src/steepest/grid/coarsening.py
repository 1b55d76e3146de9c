"""Transfer between a grid and one of half its size: average images, interpolate fluxes.

`prolong` uses the flux of a coarse face for each fine face in it and interpolates linearly across
the cell. The divergence of the result is then constant on the blocks that `average` averages over.
The functions accept NumPy arrays and torch tensors.
"""

from collections.abc import Callable, Sequence
from itertools import product

import numpy as np

from ..core.namespace import Array, is_torch, namespace
from .differences import part


def average(u: Array) -> Array:
    """Average pairs of pixels along the axes of (channels, \\*space); an odd last one is kept."""
    for axis in range(1, u.ndim):
        u = _in_pairs(u, axis, _mean)
    return u if is_torch(u) else np.ascontiguousarray(u)


def smallest(values: np.ndarray, num_axes: int) -> np.ndarray:
    """The smallest value of each block that `average` averages over, along the last axes."""
    for axis in range(values.ndim - num_axes, values.ndim):
        values = _in_pairs(values, axis, np.minimum)
    return values


def restrict(p: np.ndarray) -> np.ndarray:
    """The mean flux (d, channels, \\*coarse) through each coarse face, of (d, channels, \\*space).

    Its divergence on the coarse grid is the average of that of ``p``.
    """
    return np.stack([_restrict_component(p[a], a + 1) for a in range(p.shape[0])])


def _restrict_component(q: np.ndarray, across: int) -> np.ndarray:
    """Restrict one component, the flux along the axis ``across``."""
    for axis in range(1, q.ndim):
        q = _in_pairs(q, axis, _second if axis == across else _mean)
    return q


def _in_pairs(u: Array, axis: int, combine: Callable[[Array, Array], Array]) -> Array:
    """Combine pairs of entries along an axis; if their number is odd, the last one is kept."""
    if u.shape[axis] == 1:
        return u
    index = (slice(None),) * axis
    even, odd = u[(*index, slice(0, None, 2))], u[(*index, slice(1, None, 2))]
    pairs = odd.shape[axis]
    combined = combine(even[part(axis, 0, pairs)], odd)
    if even.shape[axis] == pairs:
        return combined
    return namespace(u).concatenate((combined, even[part(axis, pairs, None)]), axis)


def _mean(a: Array, b: Array) -> Array:
    both = a + b
    both /= 2
    return both


def _second(a: Array, b: Array) -> Array:
    return b


def prolong(p: Array, shape: Sequence[int]) -> Array:
    """Interpolate a coarse flux (d, channels, \\*coarse) to ``shape`` = (channels, \\*space)."""
    fine = p.new_zeros((len(p), *shape)) if is_torch(p) else np.zeros((len(p), *shape), p.dtype)
    add_prolonged(fine, p)
    return fine


def add_prolonged(fine: Array, p: Array) -> None:
    """Add an interpolated coarse flux to a fine one, except to the last face of each axis."""
    for axis, (out, q) in enumerate(zip(fine, p, strict=True), 1):
        middle = q / 2  # of each cell
        middle[part(axis, 1, None)] += q[part(axis, 0, q.shape[axis] - 1)] / 2
        halves = [
            (slice(0, None, 2), slice(1, None, 2)) if n > 1 else (slice(None),)
            for n in out.shape[1:]
        ]
        inside = out[part(axis, 0, out.shape[axis] - 1)]
        for places in product(*halves):
            to = inside[(slice(None), *places)]
            source = middle if places[axis - 1].start == 0 else q
            to += source[tuple(slice(n) for n in to.shape)]


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
