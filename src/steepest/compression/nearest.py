"""For each known pixel of a mask, the nearest known pixels before it in raster order."""

from functools import lru_cache

import numpy as np

from ..core.compiled import exact_kernel

NEAREST = 6
_REACH = 16  # search radius in pixels
FAR = 1 << 20  # squared distance reported for pixels farther away


@lru_cache(maxsize=1)
def _before() -> np.ndarray:
    """(n, 3): rows up, columns right and squared distance of earlier pixels, the nearest first."""
    dy, dx = np.mgrid[: _REACH + 1, -_REACH : _REACH + 1].reshape(2, -1)
    square = dy * dy + dx * dx
    found = np.stack([dy, dx, square], 1)[((dy > 0) | (dx < 0)) & (square <= _REACH**2)]
    return found[np.argsort(found[:, 2], kind="stable")]  # within a distance, by row and column


@exact_kernel
def _find(numbers, before, near, square):  # type: ignore[no-untyped-def]
    """Find the nearest earlier known pixels of each known pixel; fill up with the last before."""
    rows, columns = numbers.shape
    for i in range(rows):
        for j in range(columns):
            s = numbers[i, j]
            if s < 0:
                continue
            found = 0
            for k in range(before.shape[0]):
                a, b = i - before[k, 0], j + before[k, 1]
                if a >= 0 and b >= 0 and b < columns and numbers[a, b] >= 0:
                    near[s, found] = numbers[a, b]
                    square[s, found] = before[k, 2]
                    found += 1
                    if found == near.shape[1]:
                        break
            for rest in range(found, near.shape[1]):
                near[s, rest] = near[s, rest - 1] if rest > 0 else s - 1
                square[s, rest] = FAR


def nearest(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The known pixels nearest before each known one: indices (or -1) and squared distances."""
    numbers = np.full(mask.shape, -1, np.int32)
    count = int(mask.sum())
    numbers[mask] = np.arange(count, dtype=np.int32)
    near = np.zeros((count, NEAREST), np.int32)
    square = np.zeros((count, NEAREST), np.int32)
    _find(numbers, _before(), near, square)
    return near, square
