"""Transfer between a grid and one of half its size: average images, interpolate fluxes.

`prolong` uses the flux of a coarse face for each fine face in it and interpolates linearly across
the cell. The divergence of the result is then constant on the blocks that `average` averages over.
The functions accept NumPy arrays and torch tensors.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..core.namespace import Array, is_torch, namespace
from .differences import part


def average(u: Array) -> Array:
    """Average pairs of pixels along every spatial axis of (channels, \\*space).

    If the length of an axis is odd, the last pixel is kept.
    """
    xp = namespace(u)
    for axis in range(1, u.ndim):
        if u.shape[axis] > 1:
            index = (slice(None),) * axis
            even, odd = u[(*index, slice(0, None, 2))], u[(*index, slice(1, None, 2))]
            pairs = odd.shape[axis]
            u = (even[part(axis, 0, pairs)] + odd) / 2
            if even.shape[axis] > pairs:
                u = xp.concatenate((u, even[part(axis, pairs, None)]), axis)
    return u if is_torch(u) else np.ascontiguousarray(u)


def prolong(p: Array, shape: Sequence[int]) -> Array:
    """Interpolate a coarse flux (d, channels, \\*coarse) to ``shape`` = (channels, \\*space).

    The coarse flux must be zero at the last face of each axis; the fine flux then is as well.
    """
    return namespace(p).stack([_prolonged(p[a], a + 1, shape) for a in range(p.shape[0])])


def _prolonged(q: Array, across: int, shape: Sequence[int]) -> Array:
    """Interpolate one component, the flux along the axis ``across``."""
    xp = namespace(q)
    for axis in range(1, len(shape)):
        if shape[axis] == 1:
            continue
        if axis == across:
            before = xp.concatenate(
                (xp.zeros_like(q[part(axis, 0, 1)]), q[part(axis, 0, q.shape[axis] - 1)]), axis
            )
            middle = (before + q) / 2
        else:
            middle = q
        doubled = (*q.shape[:axis], 2 * q.shape[axis], *q.shape[axis + 1 :])
        q = xp.stack((middle, q), axis + 1).reshape(doubled)[part(axis, 0, shape[axis])]
    size = shape[across]
    inside = q[part(across, 0, size - 1)]
    return xp.concatenate((inside, xp.zeros_like(q[part(across, 0, 1)])), across)
