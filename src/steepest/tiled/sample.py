"""A sample of an image: patches from all over it, in one mosaic."""

from collections.abc import Callable

import numpy as np

from .windows import Window

_PATCHES = 2  # along each axis
_PATCH = {1: 8192, 2: 320, 3: 64}  # pixels along each axis of a patch


def sample(
    space: tuple[int, ...],
    read: Callable[[Window], np.ndarray],
    most: int = 8192,
    patches: int = _PATCHES,
) -> np.ndarray:
    """A mosaic of ``patches`` along each axis from all over the grid, at most ``most`` wide."""
    ndim = len(space)
    side = max(min(_PATCH[ndim] * _PATCHES // patches, most), 1)
    starts = [
        sorted({int(x) for x in np.linspace(0, max(n - side, 0), min(patches, -(-n // side)))})
        for n in space
    ]

    def block(corner: tuple[int, ...], axis: int) -> np.ndarray:
        if axis == len(starts):
            window = (slice(a, a + side) for a in corner)
            return read(tuple(window))
        parts = [block((*corner, a), axis + 1) for a in starts[axis]]
        return np.concatenate(parts, axis - ndim)

    return np.ascontiguousarray(block((), 0))
