"""Windows in the arena: reading, moving and adding them."""

import numpy as np

from ...core.compiled import lean_helper
from ...core.vectors import LANES, fill, load, store
from .heap import tile_of

INSIDE = np.repeat(np.float32([1, 0]), LANES)


@lean_helper
def window_of(window, pixel):
    """Return first row, first column, height and width of the window of a pixel."""
    return window[pixel, 0], window[pixel, 1], window[pixel, 2], window[pixel, 3]


@lean_helper
def set_window(window, pixel, y0, x0, rows, columns):
    """Set first row, first column, height and width of the window of a pixel."""
    window[pixel, 0], window[pixel, 1], window[pixel, 2], window[pixel, 3] = y0, x0, rows, columns


@lean_helper
def at(arena, start, y0, x0, rows, columns, y, x):
    """Return the echo at row y, column x of the image, from the window given by five numbers."""
    a, b = y - y0, x - x0
    if a < 0 or b < 0 or a >= rows or b >= columns:
        return np.float32(0)
    return arena[start + a * columns + b]


@lean_helper
def _add(arena, to, of, count, factor):
    """Add a row, 16 pixels at a time; up to 15 numbers after it are written as they are."""
    times = fill(arena, factor)
    for k in range(0, count, LANES):
        inside = load(INSIDE, max(LANES - count + k, 0))
        store(arena, to + k, load(arena, to + k) + times * inside * load(arena, of + k))


@lean_helper
def _compact(echoes, tile, blocks):
    """Move the windows of the known pixels of a tile to the front of its region."""
    arena, begin, count = echoes.arena, echoes.region[tile, 0], 0
    base = echoes.tile_start[tile]
    for pixel in echoes.heap[base : base + echoes.tile_size[tile]]:
        start = echoes.offset[pixel]
        for k in range(echoes.window[pixel, 2] * echoes.window[pixel, 3]):
            blocks[count + k] = arena[start + k]
        echoes.offset[pixel] = begin + count
        count += echoes.capacity[pixel]
    for k in range(count):
        arena[begin + k] = blocks[k]
    echoes.top[tile] = begin + count


@lean_helper
def _allocate(echoes, pixel, size, blocks):
    """Allocate a block, a quarter larger than requested; False, and a larger ``limit``, if full.

    The last `LANES` numbers of a region stay free: threads may change different regions.
    """
    tile = tile_of(echoes, pixel)
    capacity = (size * 5 // 4 + 3) // 4 * 4
    needed = capacity + LANES
    if echoes.top[tile] + needed > echoes.limit[tile]:
        _compact(echoes, tile, blocks)
        begin, end, top = echoes.region[tile, 0], echoes.region[tile, 1], echoes.top[tile]
        echoes.limit[tile] = top + needed + (top - begin) // 2
        if top + needed + (top - begin) // 8 > end:
            return False
        echoes.limit[tile] = min(echoes.limit[tile], end)
    echoes.offset[pixel], echoes.capacity[pixel] = echoes.top[tile], capacity
    echoes.top[tile] += capacity
    return True


@lean_helper
def reshape(echoes, pixel, y0, x0, height, width, buffers):
    """Change the rectangle of a window, with zeros where it is new; False if there is no space."""
    window = echoes.window
    before_y, before_x, rows, columns = window_of(window, pixel)
    if y0 == before_y and x0 == before_x and height == rows and width == columns:
        return True
    arena, scratch, start = echoes.arena, buffers.window, echoes.offset[pixel]
    for k in range(rows * columns):
        scratch[k] = arena[start + k]
    size = height * width
    if size > echoes.capacity[pixel]:
        if not _allocate(echoes, pixel, size, buffers.blocks):
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


@lean_helper
def widen(echoes, k, other, limits, buffers):
    """Widen the window of neighbour ``k`` to hold ``s_k b_other`` where it reaches the tolerance.

    If it does nowhere within the radius, ``s_k`` becomes zero. Returns False without space.
    """
    tolerance, _, radius = limits
    pixel = buffers.found[k]
    y0, x0, rows, columns = window_of(echoes.window, other)
    threshold = tolerance / buffers.shares[k]
    top, bottom = _inside(buffers.extent, 0, rows, threshold)
    left, right = _inside(buffers.extent, 1, columns, threshold)
    if bottom < top or right < left:
        buffers.shares[k] = np.float32(0)
        return True
    own_y, own_x, own_rows, own_columns = window_of(echoes.window, pixel)
    width = echoes.image.shape[2]
    y, x = pixel // width, pixel % width
    first_y = max(min(own_y, y0 + top), y - radius)
    first_x = max(min(own_x, x0 + left), x - radius)
    last_y = min(max(own_y + own_rows - 1, y0 + bottom), y + radius)
    last_x = min(max(own_x + own_columns - 1, x0 + right), x + radius)
    height, width = last_y - first_y + 1, last_x - first_x + 1
    return reshape(echoes, pixel, first_y, first_x, height, width, buffers)


@lean_helper
def add_window(echoes, pixel, other, factor):
    """Compute ``b_pixel += factor b_other`` inside the window of ``pixel``."""
    own_y, own_x, own_rows, own_columns = window_of(echoes.window, pixel)
    y0, x0, rows, columns = window_of(echoes.window, other)
    first, last = max(own_x, x0), min(own_x + own_columns, x0 + columns)
    if last <= first:
        return
    start, begin = echoes.offset[pixel], echoes.offset[other]
    for y in range(max(own_y, y0), min(own_y + own_rows, y0 + rows)):
        to = start + (y - own_y) * own_columns - own_x
        of = begin + (y - y0) * columns - x0
        _add(echoes.arena, to + first, of + first, last - first, factor)


@lean_helper
def _inside(largest, a, count, threshold):
    """Return the first and last index that reach the threshold (last < first if there are none)."""
    first, last = 0, count - 1
    while first < count and largest[a, first] < threshold:
        first += 1
    while last >= first and largest[a, last] < threshold:
        last -= 1
    return first, last


@lean_helper
def measure(echoes, pixel, extent):
    """Compute the largest value of each row (``extent[0]``) and column (``extent[1]``)."""
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
