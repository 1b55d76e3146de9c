"""Tiles that several threads can process in parallel, with the same result as one thread.

A removal changes the error, and the windows and keys of known pixels, at most ``reach + 1`` pixels
away. It depends on pixels at most ``2 reach + 1`` away. Tiles are therefore grouped into blocks of
two by two, and blocks that have another block between them are processed in parallel. No block
reads what another writes if ``3 reach + 1`` is at most two tiles, and no two blocks write into the
same tile if ``reach + 1`` is at most one tile.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...core.threads import run_all
from .state import TILE, Echoes, Work, grow, work_for

_SIDE = 2  # side of a block in tiles
Kernel = Callable[[Echoes, Work, Any], bool]


def for_all(
    echoes: Echoes, kernel: Kernel, items: Sequence[Any], reach: int, num_threads: int
) -> None:
    """Call ``kernel(echoes, work, item)`` for all items; no two may write into the same tile.

    Each idle thread takes the next item. If the kernel returns False, a tile needs more room; the
    tile gets it, and the kernel is called again.
    """
    while items:
        items = _run(echoes, kernel, items, reach, num_threads)
        if items:
            grow(echoes)


def _run(
    echoes: Echoes, kernel: Kernel, items: Sequence[Any], reach: int, num_threads: int
) -> list[Any]:
    """Return the items for which the kernel returned False."""
    queue = iter(items)

    def drain(_: int) -> list[Any]:
        work = work_for(echoes, reach)
        return [item for item in queue if not kernel(echoes, work, item)]

    parts = run_all(drain, range(min(num_threads, len(items))))
    return [item for part in parts for item in part]


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
