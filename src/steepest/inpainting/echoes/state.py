"""What is kept while a mask changes: the error, the echoes, and an estimate for every removal.

The echo b_i of a known pixel i is the inpainting of the image that is 1 at i and 0 at all other
known pixels. The inpainting of f is ``sum_i f_i b_i``. Echoes are kept in windows: rectangles
outside which they are below a tolerance. All windows lie in one arena, those of a tile in a region
of their own, each in a block with some room to grow; blocks that were left are reclaimed by moving
the others down.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

TILE = 64  # its windows fit into a second-level cache
MOST_NEIGHBOURS = 1024  # whose echoes a change reaches
_FIRST_ROOM = 4  # floats a window begins with
_FLOATS_PER_PIXEL = 26  # of a region; most tiles of photographs need less
_SPARE = 5  # fourths of that for the arena; its end is for tiles that need more, untouched before
_LEAST_WINDOWS = 16  # of the largest size, that a region has room for


class Echoes(NamedTuple):
    """Plain arrays, for compiled code. N pixels are numbered row by row, T tiles as well.

    ``image`` and ``error`` (inpainting minus image) are (C, H, W) float32, ``known`` (H, W) uint8.
    ``window`` (N, 4): first row, first column, height, width; ``offset`` (N,) into ``arena``,
    ``room`` (N,) floats of the block (0: none). ``key`` (N,) is the change of the error that a
    removal makes, plus ``jitter``, which breaks ties. Known pixels are ordered by it in one heap
    a tile of `TILE` x `TILE` pixels, so that work stays near in memory: a heap is ``tile_size``
    entries of ``heap`` from ``tile_start`` on, and ``place`` (N,) counts from there.

    Blocks of a tile lie in its ``region`` (T, 2), from the first number to the second, up to
    ``top[tile]``; they are moved together when they would pass ``limit[tile]``. Where that is
    beyond the region, more room is wanted.

    Of pixels that were removed, ``key`` is the ``level`` (T,) their tile had come to (the largest
    key of all that were removed from it in this round), and ``place`` how many were left there.
    """

    image: np.ndarray
    error: np.ndarray
    known: np.ndarray
    window: np.ndarray
    offset: np.ndarray
    room: np.ndarray
    arena: np.ndarray
    key: np.ndarray
    jitter: np.ndarray
    heap: np.ndarray
    place: np.ndarray
    tile_start: np.ndarray
    tile_size: np.ndarray
    region: np.ndarray
    top: np.ndarray
    limit: np.ndarray
    level: np.ndarray


class Work(NamedTuple):
    """What one thread works in: ``window`` holds the largest window, ``extent`` (2, side) its rows'
    and columns' largest values, ``blocks`` those of a tile, ``found`` and ``shares`` the neighbours
    of a pixel, ``t`` (C,) the change of its value.
    """

    window: np.ndarray
    extent: np.ndarray
    blocks: np.ndarray
    found: np.ndarray
    shares: np.ndarray
    t: np.ndarray


def work_for(echoes: Echoes, reach: int) -> Work:
    """Room for one thread."""
    side = 2 * reach + 1
    return Work(
        window=np.zeros(side * side, np.float32),
        extent=np.zeros((2, side), np.float32),
        blocks=np.empty(int(np.diff(echoes.region).max()), np.float32),
        found=np.zeros(MOST_NEIGHBOURS, np.int64),
        shares=np.zeros(MOST_NEIGHBOURS, np.float32),
        t=np.zeros(len(echoes.image), np.float32),
    )


def full(image: np.ndarray, jitter: np.ndarray, reach: int) -> Echoes:
    """Every pixel is known: each echo is one pixel, the error zero. Heaps are not yet made."""
    echoes = empty(image, jitter, reach)
    height, width = echoes.known.shape
    y, x = np.arange(height)[:, None], np.arange(width)
    inside = y % TILE * np.minimum(width - x // TILE * TILE, TILE) + x % TILE
    echoes.known[:] = 1
    echoes.window[:, 2:] = 1
    echoes.offset[:] = (echoes.region[_tile_map((height, width)), 0] + _FIRST_ROOM * inside).ravel()
    echoes.room[:] = _FIRST_ROOM
    echoes.arena[echoes.offset] = 1
    echoes.top[:] += _FIRST_ROOM * np.diff(echoes.tile_start)
    return echoes


def empty(image: np.ndarray, jitter: np.ndarray, reach: int) -> Echoes:
    """No pixel is known, no echo there; the error is zero."""
    height, width = image.shape[1:]
    number = height * width
    index = np.arange(number, dtype=np.int32)
    window = np.zeros((number, 4), np.int32)
    window[:, 0], window[:, 1] = index // width, index % width
    start = _tiles(height, width)
    tiles = len(start) - 1
    least = _LEAST_WINDOWS * (2 * reach + 1) ** 2
    region = _starts(np.maximum(_FLOATS_PER_PIXEL * np.diff(start), least))
    return Echoes(
        image=image,
        error=np.zeros_like(image),
        known=np.zeros((height, width), np.uint8),
        window=window,
        offset=np.zeros(number, np.int64),
        room=np.zeros(number, np.int32),
        arena=np.zeros(region[-1] * _SPARE // 4, np.float32),
        key=np.zeros(number, np.float32),
        jitter=jitter,
        heap=np.zeros(number, np.int32),
        place=np.zeros(number, np.int32),
        tile_start=start,
        tile_size=np.zeros(tiles, np.int64),
        region=np.stack([region[:-1], region[1:]], 1),
        top=region[:-1].copy(),
        limit=region[:-1].copy(),
        level=np.zeros(tiles, np.float32),
    )


def _tiles(height: int, width: int) -> np.ndarray:
    """(T + 1,): how many pixels lie in the tiles before each, and in all."""
    rows, columns = -(-height // TILE), -(-width // TILE)
    heights = np.minimum(height - TILE * np.arange(rows), TILE)
    widths = np.minimum(width - TILE * np.arange(columns), TILE)
    return _starts(np.outer(heights, widths).ravel())


def _starts(sizes: np.ndarray) -> np.ndarray:
    """Where each part begins, and where the last one ends."""
    return np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)


def grow(echoes: Echoes) -> None:
    """Give tiles that want more room a region of half as much again as they want.

    It is new, behind the others. If need be, the arena is enlarged in place: no other array may
    refer to its memory.
    """
    tiles = np.flatnonzero(echoes.limit > echoes.region[:, 1])
    sizes = (echoes.limit - echoes.region[:, 0])[tiles] * 3 // 2
    starts = echoes.region.max() + _starts(sizes)
    if starts[-1] > len(echoes.arena):
        echoes.arena.resize(starts[-1] * _SPARE // 4, refcheck=False)
    for tile, start, end in zip(tiles, starts, starts[1:], strict=False):
        before, top = echoes.region[tile, 0], echoes.top[tile]
        echoes.arena[start : start + top - before] = echoes.arena[before:top]
        first = echoes.tile_start[tile]
        echoes.offset[echoes.heap[first : first + echoes.tile_size[tile]]] += start - before
        echoes.region[tile] = start, end
        echoes.top[tile] += start - before
        echoes.limit[tile] = end


def _tile_map(shape: tuple[int, ...]) -> np.ndarray:
    """The tile of each pixel (H, W)."""
    height, width = shape
    columns = -(-width // TILE)
    return np.arange(height)[:, None] // TILE * columns + np.arange(width) // TILE
