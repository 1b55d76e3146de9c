"""Windows in the arena: reading, moving, adding."""

from __future__ import annotations

import numba as nb
import numpy as np

from .options import PLAIN
from .state import BLOCKS, LOST, TOP


@nb.njit(**PLAIN)
def window_of(window, pixel):
    """First row, first column, height, width."""
    return window[pixel, 0], window[pixel, 1], window[pixel, 2], window[pixel, 3]


@nb.njit(**PLAIN)
def set_window(window, pixel, y0, x0, rows, columns):
    """The same, to write."""
    window[pixel, 0], window[pixel, 1], window[pixel, 2], window[pixel, 3] = y0, x0, rows, columns


@nb.njit(**PLAIN)
def at(arena, start, y0, x0, rows, columns, y, x):
    """The echo at row y, column x of the image; its window is given by five numbers."""
    a, b = y - y0, x - x0
    if a < 0 or b < 0 or a >= rows or b >= columns:
        return np.float32(0)
    return arena[start + a * columns + b]


@nb.njit(**PLAIN)
def _add(arena, to, of, count, factor):
    for k in range(count):
        arena[to + k] += factor * arena[of + k]


@nb.njit(**PLAIN)
def compact(echoes):
    """Move all blocks in use to the front of the arena."""
    top, count = 0, 0
    for b in range(echoes.counters[BLOCKS]):
        pixel, start = echoes.block_owner[b], echoes.block_start[b]
        room = echoes.room[pixel]
        if room == 0 or echoes.offset[pixel] != start:
            continue
        if top != start:
            for k in range(room):
                echoes.arena[top + k] = echoes.arena[start + k]
        echoes.offset[pixel] = top
        echoes.block_start[count], echoes.block_owner[count] = top, pixel
        count += 1
        top += room
    echoes.counters[TOP], echoes.counters[BLOCKS] = top, count


@nb.njit(**PLAIN)
def ready(echoes, floats, blocks):
    """Whether that much is free, by compaction if need be (and then an eighth of all besides)."""
    arena, starts = echoes.arena.shape[0], echoes.block_start.shape[0]
    if echoes.counters[TOP] + floats <= arena and echoes.counters[BLOCKS] + blocks <= starts:
        return True
    compact(echoes)
    return (
        echoes.counters[TOP] + floats + arena // 8 <= arena
        and echoes.counters[BLOCKS] + blocks + starts // 8 <= starts
    )


@nb.njit(**PLAIN)
def allocate(echoes, pixel, size):
    """A new block for a pixel, with a quarter more than asked for; False if there is none."""
    room = (size * 5 // 4 + 3) // 4 * 4
    top, block = echoes.counters[TOP], echoes.counters[BLOCKS]
    if top + room > echoes.arena.shape[0] or block >= echoes.block_start.shape[0]:
        echoes.counters[LOST] += 1
        return False
    echoes.offset[pixel], echoes.room[pixel] = top, room
    echoes.block_start[block], echoes.block_owner[block] = top, pixel
    echoes.counters[TOP], echoes.counters[BLOCKS] = top + room, block + 1
    return True


@nb.njit(**PLAIN)
def reshape(echoes, pixel, y0, x0, height, width, scratch):
    """Give a window another rectangle; what is outside is lost, what is new is zero.

    False, and the window stays as it is, where there is no room.
    """
    window = echoes.window
    before_y, before_x, rows, columns = window_of(window, pixel)
    if y0 == before_y and x0 == before_x and height == rows and width == columns:
        return True
    arena, start = echoes.arena, echoes.offset[pixel]
    for k in range(rows * columns):
        scratch[k] = arena[start + k]
    size = height * width
    if size > echoes.room[pixel]:
        if not allocate(echoes, pixel, size):
            return False
        start = echoes.offset[pixel]
    for k in range(size):
        arena[start + k] = np.float32(0)
    first, last = max(before_x, x0), min(before_x + columns, x0 + width)
    for y in range(max(before_y, y0), min(before_y + rows, y0 + height)):
        to, of = start + (y - y0) * width - x0, (y - before_y) * columns - before_x
        for x in range(first, last):
            arena[to + x] = scratch[of + x]
    set_window(window, pixel, y0, x0, height, width)
    return True


@nb.njit(**PLAIN)
def add_window(echoes, pixel, other, factor, tolerance, reach, extent, scratch):
    """``b_pixel += factor b_other``, where that is at least ``tolerance`` and within ``reach``.

    ``extent`` (2, ...) holds the largest value of each row and column of the other window.
    """
    window = echoes.window
    y0, x0, rows, columns = window_of(window, other)
    threshold = tolerance / abs(factor)
    top, bottom = _inside(extent, 0, rows, threshold)
    left, right = _inside(extent, 1, columns, threshold)
    if bottom < top or right < left:
        return
    own_y, own_x, own_rows, own_columns = window_of(window, pixel)
    width = echoes.image.shape[2]
    y, x = pixel // width, pixel % width
    first_y = max(min(own_y, y0 + top), y - reach)
    first_x = max(min(own_x, x0 + left), x - reach)
    last_y = min(max(own_y + own_rows - 1, y0 + bottom), y + reach)
    last_x = min(max(own_x + own_columns - 1, x0 + right), x + reach)
    if not reshape(
        echoes, pixel, first_y, first_x, last_y - first_y + 1, last_x - first_x + 1, scratch
    ):
        return
    a, b = max(first_x, x0), min(last_x, x0 + columns - 1) + 1
    if b <= a:
        return
    arena, width = echoes.arena, last_x - first_x + 1
    start, begin = echoes.offset[pixel], echoes.offset[other]
    for line in range(max(first_y, y0), min(last_y, y0 + rows - 1) + 1):
        to = start + (line - first_y) * width - first_x
        of = begin + (line - y0) * columns - x0
        _add(arena, to + a, of + a, b - a, factor)


@nb.njit(**PLAIN)
def _inside(largest, a, count, threshold):
    """First and last index at which the threshold is reached (last < first: none)."""
    first, last = 0, count - 1
    while first < count and largest[a, first] < threshold:
        first += 1
    while last >= first and largest[a, last] < threshold:
        last -= 1
    return first, last


@nb.njit(**PLAIN)
def measure(echoes, pixel, extent):
    """Largest value of each row (``extent[0]``) and column (``extent[1]``) of a window."""
    _, _, rows, columns = window_of(echoes.window, pixel)
    arena, start = echoes.arena, echoes.offset[pixel]
    for x in range(columns):
        extent[1, x] = np.float32(0)
    for y in range(rows):
        first = start + y * columns
        largest = np.float32(0)
        for x in range(columns):
            largest = max(largest, arena[first + x])
            extent[1, x] = max(extent[1, x], arena[first + x])
        extent[0, y] = largest
