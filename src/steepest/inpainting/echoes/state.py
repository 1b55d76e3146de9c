"""State kept while a mask changes: the error, the echoes, and a score for every removal.

The echo b_i of a known pixel i is the inpainting of the image that is 1 at i and 0 at all other
known pixels. The inpainting of f is ``sum_i f_i b_i``. Echoes are stored in windows: rectangles
outside which they are below a tolerance. All windows lie in one arena. Those of a tile lie in the
tile's own region, each in a block with some space to grow. When the region runs out, the blocks in
use are moved down over the abandoned ones.
"""

from typing import NamedTuple

import numpy as np

from ...core.vectors import LANES

TILE = 64  # side in pixels; the windows of a tile fit into a second-level cache
MOST_NEIGHBOURS = 1024  # largest number of neighbours whose echoes a change affects
_FIRST_CAPACITY = 4  # initial capacity of a window in floats
_FLOATS_PER_PIXEL = 26  # size of a region; most tiles of photographs need less
LARGER = 3  # times as large if echoes are placed one by one, in larger windows
_SPARE = 5  # quarters of the regions in the arena; the end, at first untouched, is for growth
_LEAST_WINDOWS = 16  # every region has space for this many windows of the largest size


class Echoes(NamedTuple):
    """Plain arrays, for compiled code. N pixels and T tiles are numbered row by row.

    ``image`` and ``error`` (inpainting minus image) are (C, H, W) float32; ``known`` is (H, W)
    uint8. ``window`` (N, 4) holds first row, first column, height and width of each window.
    ``offset`` (N,) is its position in ``arena``, and ``capacity`` (N,) the number of floats in
    its block (0: no block). ``key`` (N,) is the change of the error if the pixel is removed, plus
    ``jitter``, which breaks ties. The known pixels of each tile of `TILE` x `TILE` pixels form one
    heap, ordered by key, so that accesses stay local in memory. The heap of a tile is ``tile_size``
    entries of ``heap`` from ``tile_start`` on, and ``position`` (N,) counts from there.

    The blocks of a tile lie in its ``region`` (T, 2), given by its first position and its end, up
    to ``top[tile]``. They are compacted when they would exceed ``limit[tile]``. If ``limit[tile]``
    is beyond the region, the tile needs more space.

    For removed pixels, ``key`` is the ``level`` (T,) that their tile had reached (the largest key
    of all pixels removed from it in this round), and ``position`` is the number of pixels left in
    the tile.
    """

    image: np.ndarray
    error: np.ndarray
    known: np.ndarray
    window: np.ndarray
    offset: np.ndarray
    capacity: np.ndarray
    arena: np.ndarray
    key: np.ndarray
    jitter: np.ndarray
    heap: np.ndarray
    position: np.ndarray
    tile_start: np.ndarray
    tile_size: np.ndarray
    region: np.ndarray
    top: np.ndarray
    limit: np.ndarray
    level: np.ndarray


class Buffers(NamedTuple):
    """The buffers of one thread; ``found`` and ``shares`` hold the neighbours of a pixel."""

    window: np.ndarray
    extent: np.ndarray
    blocks: np.ndarray
    found: np.ndarray
    shares: np.ndarray
    t: np.ndarray


def buffers_for(echoes: Echoes, radius: int) -> Buffers:
    """Allocate the buffers of one thread."""
    side = 2 * radius + 1
    return Buffers(
        window=np.zeros(side * side, np.float32),
        extent=np.zeros((2, side), np.float32),
        blocks=np.zeros(int(np.diff(echoes.region).max()), np.float32),  # read up to the next block
        found=np.zeros(MOST_NEIGHBOURS, np.int64),
        shares=np.zeros(MOST_NEIGHBOURS, np.float32),
        t=np.zeros(len(echoes.image), np.float32),
    )


def full(image: np.ndarray, jitter: np.ndarray, radius: int) -> Echoes:
    """Return the state in which every pixel is known, without heaps."""
    echoes = empty(image, jitter, radius)
    height, width = echoes.known.shape
    y, x = np.arange(height)[:, None], np.arange(width)
    inside = y % TILE * np.minimum(width - x // TILE * TILE, TILE) + x % TILE
    echoes.known[:] = 1
    echoes.window[:, 2:] = 1
    echoes.offset[:] = (
        echoes.region[_tile_map((height, width)), 0] + _FIRST_CAPACITY * inside
    ).ravel()
    echoes.capacity[:] = _FIRST_CAPACITY
    echoes.arena[echoes.offset] = 1
    echoes.top[:] += _FIRST_CAPACITY * np.diff(echoes.tile_start)
    return echoes


def empty(image: np.ndarray, jitter: np.ndarray, radius: int, times: int = 1) -> Echoes:
    """Return the state in which no pixel is known, with regions ``times`` as large as usual."""
    height, width = image.shape[1:]
    number = height * width
    index = np.arange(number, dtype=np.int32)
    window = np.zeros((number, 4), np.int32)
    window[:, 0], window[:, 1] = index // width, index % width
    start = _tiles(height, width)
    tiles = len(start) - 1
    least = _LEAST_WINDOWS * (2 * radius + 1) ** 2
    region = _starts(np.maximum(times * _FLOATS_PER_PIXEL * np.diff(start), least))
    return Echoes(
        image=image,
        error=np.zeros(image.size + LANES, np.float32)[: image.size].reshape(image.shape),
        known=np.zeros((height, width), np.uint8),
        window=window,
        offset=np.zeros(number, np.int64),
        capacity=np.zeros(number, np.int32),
        arena=np.zeros(region[-1] * _SPARE // 4, np.float32),
        key=np.zeros(number, np.float32),
        jitter=jitter,
        heap=np.zeros(number, np.int32),
        position=np.zeros(number, np.int32),
        tile_start=start,
        tile_size=np.zeros(tiles, np.int64),
        region=np.stack([region[:-1], region[1:]], 1),
        top=region[:-1].copy(),
        limit=region[:-1].copy(),
        level=np.zeros(tiles, np.float32),
    )


def _tiles(height: int, width: int) -> np.ndarray:
    """Return (T + 1,) counts of the pixels in all tiles before each tile, and in total."""
    rows, columns = -(-height // TILE), -(-width // TILE)
    heights = np.minimum(height - TILE * np.arange(rows), TILE)
    widths = np.minimum(width - TILE * np.arange(columns), TILE)
    return _starts(np.outer(heights, widths).ravel())


def _starts(sizes: np.ndarray) -> np.ndarray:
    """Return the start of each part, and the end of the last one."""
    return np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)


def grow(echoes: Echoes) -> None:
    """Give each tile that needs more space a new region, 1.5 times as large as requested.

    The arena is enlarged in place if necessary, so no other array may refer to its memory.
    """
    tiles = np.flatnonzero(echoes.limit > echoes.region[:, 1])
    sizes = (echoes.limit - echoes.region[:, 0])[tiles] * 3 // 2
    starts = echoes.region.max() + _starts(sizes)
    if starts[-1] + LANES > len(echoes.arena):
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
    """Return the tile of each pixel (H, W)."""
    height, width = shape
    columns = -(-width // TILE)
    return np.arange(height)[:, None] // TILE * columns + np.arange(width) // TILE
