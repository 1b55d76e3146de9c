"""What is kept while a mask changes: the error, the echoes, and an estimate for every removal.

The echo b_i of a known pixel i is the inpainting of the image that is 1 at i and 0 at all other
known pixels. The inpainting of f is ``sum_i f_i b_i``. Echoes are kept in windows: rectangles
outside which they are below a tolerance. All windows lie in one arena, each in a block with some
room to grow; blocks that were left are reclaimed by moving the others down.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

TOP, BLOCKS, SIZE, LOST = 0, 1, 2, 3  # entries of `counters`: floats and blocks in use, known
# pixels, windows that could not grow for want of room
TILE = 64  # its windows fit into a second-level cache
_FIRST_ROOM = 4  # floats a window begins with
_FLOATS_PER_PIXEL = 20  # the arena begins with; it grows when that is not enough
_BLOCKS_PER_PIXEL = 2.5
MOST_NEIGHBOURS = 1024  # whose echoes a change reaches


class Echoes(NamedTuple):
    """Plain arrays, for compiled code. N pixels are numbered row by row.

    ``image`` and ``error`` (inpainting minus image) are (C, H, W) float32, ``known`` (H, W) uint8.
    ``window`` (N, 4): first row, first column, height, width; ``offset`` (N,) into ``arena``,
    ``room`` (N,) floats of the block (0: none). ``key`` (N,) is the change of the error that a
    removal makes, plus ``jitter``, which breaks ties. Known pixels are ordered by it in one heap
    a tile of `TILE` x `TILE` pixels, so that work stays near in memory: a heap is ``tile_size``
    entries of ``heap`` from ``tile_start`` on, and ``place`` (N,) counts from there.
    """

    image: np.ndarray
    error: np.ndarray
    known: np.ndarray
    window: np.ndarray
    offset: np.ndarray
    room: np.ndarray
    arena: np.ndarray
    block_start: np.ndarray
    block_owner: np.ndarray
    key: np.ndarray
    jitter: np.ndarray
    heap: np.ndarray
    place: np.ndarray
    tile_start: np.ndarray
    tile_size: np.ndarray
    counters: np.ndarray


def full(image: np.ndarray, jitter: np.ndarray, reach: int) -> Echoes:
    """Every pixel is known: each echo is one pixel, the error zero. Keys are not yet set."""
    number = image[0].size
    echoes = empty(image, jitter, reach)
    index = np.arange(number)
    echoes.known[:] = 1
    echoes.window[:, 2:] = 1
    echoes.offset[:] = index * _FIRST_ROOM
    echoes.room[:] = _FIRST_ROOM
    echoes.arena[echoes.offset] = 1
    echoes.block_start[:number], echoes.block_owner[:number] = echoes.offset, index
    echoes.counters[TOP], echoes.counters[BLOCKS] = number * _FIRST_ROOM, number
    return echoes


def empty(image: np.ndarray, jitter: np.ndarray, reach: int) -> Echoes:
    """No pixel is known, no echo there; the error is zero."""
    height, width = image.shape[1:]
    number = height * width
    index = np.arange(number, dtype=np.int32)
    window = np.zeros((number, 4), np.int32)
    window[:, 0], window[:, 1] = index // width, index % width
    blocks = int(number * _BLOCKS_PER_PIXEL) + 2 * MOST_NEIGHBOURS
    tile_start, tile_size = _tiles(height, width)
    return Echoes(
        image=image,
        error=np.zeros_like(image),
        known=np.zeros((height, width), np.uint8),
        window=window,
        offset=np.full(number, -1, np.int64),
        room=np.zeros(number, np.int32),
        arena=np.zeros(number * _FLOATS_PER_PIXEL + 2 * spare(reach), np.float32),
        block_start=np.zeros(blocks, np.int64),
        block_owner=np.zeros(blocks, np.int32),
        key=np.zeros(number, np.float32),
        jitter=jitter,
        heap=np.zeros(number, np.int32),
        place=np.zeros(number, np.int32),
        tile_start=tile_start,
        tile_size=tile_size,
        counters=np.zeros(4, np.int64),
    )


def _tiles(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Where the heap of each tile begins, and that all are empty."""
    rows, columns = -(-height // TILE), -(-width // TILE)
    heights = np.minimum(height - TILE * np.arange(rows), TILE)
    widths = np.minimum(width - TILE * np.arange(columns), TILE)
    sizes = np.outer(heights, widths).ravel()
    return np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64), np.zeros_like(sizes)


def spare(reach: int) -> int:
    """Floats that must be free before a mask is changed: a hundred windows of the largest size."""
    return 100 * (2 * reach + 1) ** 2


def grown(echoes: Echoes, reach: int) -> Echoes:
    """The same with more room."""
    more = len(echoes.arena) // 2 + spare(reach)
    blocks = len(echoes.block_start) // 2 + MOST_NEIGHBOURS
    return echoes._replace(
        arena=np.concatenate([echoes.arena, np.zeros(more, np.float32)]),
        block_start=np.concatenate([echoes.block_start, np.zeros(blocks, np.int64)]),
        block_owner=np.concatenate([echoes.block_owner, np.zeros(blocks, np.int32)]),
    )
