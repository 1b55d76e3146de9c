"""Tiles that several threads can work on at the same time, with the same result as one.

A removal changes the error, and the windows and keys of known pixels, at most ``reach + 1`` pixels
away, and depends on what is at most ``2 reach + 1`` away. Tiles are therefore taken in blocks of
two by two, and blocks that have another one between them at once: none reads what another writes
as long as ``3 reach + 1`` is at most two tiles, nor do both write into one tile as long as ``reach
+ 1`` is at most one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...core.threads import run_all
from .state import TILE, Echoes, Work, grow, work_for

_SIDE = 2  # tiles of a block
Kernel = Callable[[Echoes, Work, Any], bool]


def for_all(
    echoes: Echoes, kernel: Kernel, items: Sequence[Any], reach: int, num_threads: int
) -> None:
    """``kernel(echoes, work, item)`` for all items, no two of which may write into one tile.

    A thread that is ready takes the next item. False says that a tile wants more room: it gets
    that, and the kernel is called again.
    """
    while items:
        items = _run(echoes, kernel, items, reach, num_threads)
        if items:
            grow(echoes)


def _run(
    echoes: Echoes, kernel: Kernel, items: Sequence[Any], reach: int, num_threads: int
) -> list[Any]:
    """The items for which the kernel returned False."""
    queue = iter(items)

    def drain(_: int) -> list[Any]:
        work = work_for(echoes, reach)
        return [item for item in queue if not kernel(echoes, work, item)]

    parts = run_all(drain, range(min(num_threads, len(items))))
    return [item for part in parts for item in part]


def counts(chosen: np.ndarray) -> np.ndarray:
    """How many pixels of a Boolean (H, W) are True in each block."""
    for axis in (0, 1):
        starts = np.arange(0, chosen.shape[axis], _SIDE * TILE)
        chosen = np.add.reduceat(chosen, starts, axis, np.int64)
    return chosen.ravel()


def phases(shape: tuple[int, ...]) -> list[list[tuple[int, np.ndarray]]]:
    """All blocks by number, with their tiles, in groups that can be worked on at once."""
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
