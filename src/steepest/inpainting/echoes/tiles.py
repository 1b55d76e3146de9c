"""Tiles that several threads can process in parallel, with the same result as one thread.

A removal writes at most ``radius + 1`` pixels away, and reads at most ``2 radius + 1`` away. Blocks
of two by two tiles that have another block between them are therefore processed in parallel: no
block reads what another writes if ``3 radius + 1`` is at most two tiles, and no two blocks write
into the same tile if ``radius + 1`` is at most one tile.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...core.threads import run_all
from .state import TILE, Buffers, Echoes, buffers_for, grow

_SIDE = 2  # side of a block in tiles
Kernel = Callable[[Echoes, Buffers, Any], bool]


def for_all(
    echoes: Echoes, kernel: Kernel, items: Sequence[Any], radius: int, num_threads: int
) -> None:
    """Call ``kernel(echoes, buffers, item)`` for all items; no two may write into the same tile.

    If the kernel returns False, a tile gets more space, and the kernel is called again.
    """
    while items:
        queue = iter(items)

        def drain(_: int) -> list[Any]:
            """Return the items of one thread for which the kernel returned False."""
            buffers = buffers_for(echoes, radius)
            return [item for item in queue if not kernel(echoes, buffers, item)]  # noqa: B023

        parts = run_all(drain, range(min(num_threads, len(items))))
        items = [item for part in parts for item in part]
        if items:
            grow(echoes)


def counts(chosen: np.ndarray) -> np.ndarray:
    """Count the True pixels of a Boolean (H, W) array in each block."""
    for axis in (0, 1):
        starts = np.arange(0, chosen.shape[axis], _SIDE * TILE)
        chosen = np.add.reduceat(chosen, starts, axis, np.int64)
    return chosen.ravel()


def phases(shape: tuple[int, ...]) -> list[list[tuple[int, np.ndarray]]]:
    """Return all numbered blocks with their tiles, in groups that can be processed in parallel."""
    rows, columns = (-(-length // TILE) for length in shape)
    tiles = np.arange(rows * columns).reshape(rows, columns)
    blocks = [
        [tiles[y : y + _SIDE, x : x + _SIDE].ravel() for x in range(0, columns, _SIDE)]
        for y in range(0, rows, _SIDE)
    ]
    across = len(blocks[0])
    return [
        [
            (y * across + x, blocks[y][x])
            for y in range(first, len(blocks), 2)
            for x in range(second, across, 2)
        ]
        for first in (0, 1)
        for second in (0, 1)
    ]
