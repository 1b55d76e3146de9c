"""Images averaged over blocks of pixels: sums over blocks, interpolation, and its transpose."""

from collections.abc import Sequence
from typing import Any

import numpy as np

Window = tuple[slice, ...]


def block_sums(values: np.ndarray, block: int) -> np.ndarray:
    """Sums of (C, \\*space) over blocks of ``block`` pixels; the last ones may be smaller."""
    for axis in range(1, values.ndim):
        values = np.add.reduceat(values, np.arange(0, values.shape[axis], block), axis)
    return values


def interpolated(coarse: np.ndarray, window: Window, levels: int) -> np.ndarray:
    """The window of an image (C, \\*cells), interpolated linearly between centres of blocks."""
    for axis, part in enumerate(window, 1):
        last = coarse.shape[axis] - 1
        low, share = _place(part, last, levels, coarse.ndim - axis)
        above = np.take(coarse, np.minimum(low + 1, last), axis)
        coarse = np.take(coarse, low, axis) * (1 - share) + above * share
    return coarse


def gathered(fine: np.ndarray, window: Window, levels: int, cells: Sequence[int]) -> np.ndarray:
    """The transpose of `interpolated`: sums (C, \\*cells of `around`) of the window of an image."""
    for axis, (part, n) in enumerate(zip(window, cells, strict=True), 1):
        low, share = _place(part, n - 1, levels, fine.ndim - axis)
        starts = np.flatnonzero(np.diff(low, prepend=-1))
        after = np.add.reduceat(fine * share, starts, axis)
        fine = np.add.reduceat(fine * (1 - share), starts, axis)
        one: Any = [(0, 0)] * fine.ndim
        one[axis] = (0, 1)
        fine = np.pad(fine, one)
        fine[(slice(None),) * axis + (slice(1, None),)] += after
    return fine


def around(window: Window, levels: int, cells: Sequence[int]) -> tuple[slice, ...]:
    """The cells that `gathered` returns; the last one may lie outside, and is then zero."""
    found = []
    for part, n in zip(window, cells, strict=True):
        low, _ = _place(part, n - 1, levels, 0)
        found.append(slice(int(low[0]), int(low[-1]) + 2))
    return tuple(found)


def _place(part: slice, last: int, levels: int, after: int) -> tuple[np.ndarray, np.ndarray]:
    """The cell at or before each pixel, and the share of the next one, with ``after`` more axes."""
    place = (np.arange(part.start, part.stop) + 0.5) / 2.0**levels - 0.5
    place = np.clip(place, 0, last)
    low = place.astype(int)
    return low, (place - low).reshape(-1, *(1,) * (after - 1 if after else 0))


def cells_of(core: Sequence[slice], levels: int) -> tuple[slice, ...]:
    """The blocks of a core, which begins at a multiple of their size."""
    block = 2**levels
    return tuple(slice(c.start // block, -(-c.stop // block)) for c in core)
