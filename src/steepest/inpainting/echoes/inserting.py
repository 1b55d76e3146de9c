"""Insertion of known pixels, exchange with others, and relaxation of echoes."""

from __future__ import annotations

import math

import numpy as np

from ...core.compiled import kernel, lean_helper
from .heap import push, set_key
from .removing import add_to_error, neighbours, thin
from .score import removal
from .windows import at, reshape, set_window, window_of

_RADII = 2.6  # radius of a window, in units of the local distance between known pixels
_OMEGA = np.float32(1.5)  # over-relaxation factor
_MOST_SWEEPS = 60
_FINER = np.float32(0.1)  # a new echo is relaxed to this fraction of the truncation tolerance
_AGAIN = np.float32(0.4)  # and one that has drifted, to this one


@lean_helper
def _window_radius(echoes, y, x, largest):
    """Return half the side of the window for a new echo, from the local density of known pixels."""
    height, width = echoes.known.shape
    radius = 4
    while radius < largest:
        count = 0
        for yy in range(max(y - radius, 0), min(y + radius + 1, height)):
            for xx in range(max(x - radius, 0), min(x + radius + 1, width)):
                count += echoes.known[yy, xx]
        if count >= 8:
            side = (2 * radius + 1) / math.sqrt(count)
            return min(max(math.ceil(_RADII * side), 2), largest)
        radius *= 2
    return largest


@lean_helper
def new_echo(echoes, pixel, limits, buffers):
    """Compute the echo that a pixel would have if it were known, by over-relaxation in its window.

    The echo is zero at other known pixels and outside the window. Returns False if there is
    no space left.
    """
    height, width = echoes.known.shape
    y, x = pixel // width, pixel % width
    radius = _window_radius(echoes, y, x, limits[2])
    y0, x0 = max(y - radius, 0), max(x - radius, 0)
    rows, columns = min(y + radius + 1, height) - y0, min(x + radius + 1, width) - x0
    set_window(echoes.window, pixel, y, x, 0, 0)
    if not reshape(echoes, pixel, y0, x0, rows, columns, buffers):
        return False
    echoes.arena[echoes.offset[pixel] + (y - y0) * columns + x - x0] = np.float32(1)
    _settle(echoes, pixel, _FINER * limits[0])
    return True


@lean_helper
def _settle(echoes, pixel, tolerance):
    """Run sweeps over the window of a pixel until none of its values changes by the tolerance."""
    y0, x0, rows, columns = window_of(echoes.window, pixel)
    start, width = echoes.offset[pixel], echoes.known.shape[1]
    b = echoes.arena[start : start + rows * columns].reshape(rows, columns)
    for _ in range(_MOST_SWEEPS):
        if _relax(b, echoes.known, y0, x0, pixel // width - y0, pixel % width - x0) < tolerance:
            break


@lean_helper
def _relax(b, known, y0, x0, center_y, center_x):
    """Run one sweep and return the largest change."""
    rows, columns = b.shape
    height, width = known.shape
    largest = np.float32(0)
    for a in range(rows):
        for c in range(columns):
            if known[y0 + a, x0 + c] or (a == center_y and c == center_x):
                continue
            total, count = np.float32(0), np.float32(0)
            if y0 + a > 0:
                count += np.float32(1)
                if a > 0:
                    total += b[a - 1, c]
            if y0 + a < height - 1:
                count += np.float32(1)
                if a < rows - 1:
                    total += b[a + 1, c]
            if x0 + c > 0:
                count += np.float32(1)
                if c > 0:
                    total += b[a, c - 1]
            if x0 + c < width - 1:
                count += np.float32(1)
                if c < columns - 1:
                    total += b[a, c + 1]
            difference = _OMEGA * (total / count - b[a, c])
            b[a, c] += difference
            largest = max(largest, abs(difference))
    return largest


@lean_helper
def _subtract(echoes, pixel, other, factor):
    """Compute ``b_pixel -= factor b_other`` inside the window of ``pixel``, clipped at zero."""
    own_y, own_x, own_rows, own_columns = window_of(echoes.window, pixel)
    y0, x0, rows, columns = window_of(echoes.window, other)
    arena, start, begin = echoes.arena, echoes.offset[pixel], echoes.offset[other]
    first, last = max(own_x, x0), min(own_x + own_columns, x0 + columns)
    for y in range(max(own_y, y0), min(own_y + own_rows, y0 + rows)):
        to = start + (y - own_y) * own_columns - own_x
        of = begin + (y - y0) * columns - x0
        for x in range(first, last):
            arena[to + x] = max(arena[to + x] - factor * arena[of + x], np.float32(0))


@lean_helper
def insert(echoes, pixel, limits, absolute, buffers):
    """Add an unknown pixel to the mask, so that its error becomes zero.

    Returns False if there is no space left.
    """
    if not new_echo(echoes, pixel, limits, buffers):
        return False
    t, found = buffers.t, buffers.found
    width = echoes.image.shape[2]
    y, x = pixel // width, pixel % width
    for c in range(t.shape[0]):
        t[c] = -echoes.error[c, y, x]
    add_to_error(echoes, pixel, t)
    echoes.known[y, x] = 1
    count = neighbours(echoes, pixel, np.float32(0), buffers)
    for k in range(count):
        y0, x0, rows, columns = window_of(echoes.window, found[k])
        start = echoes.offset[found[k]]
        factor = at(echoes.arena, start, y0, x0, rows, columns, y, x)
        if factor > np.float32(0):
            _subtract(echoes, found[k], pixel, factor)
            set_key(echoes, found[k], removal(echoes, found[k], t, absolute))
    push(echoes, pixel, removal(echoes, pixel, t, absolute))
    return True


@lean_helper
def _worst(echoes, candidates):
    """Return the unknown pixel with the largest error, or -1 if none has an error."""
    channels, _, width = echoes.image.shape
    best, largest = np.int64(-1), np.float32(0)
    for candidate in candidates:
        pixel = np.int64(candidate)
        y, x = pixel // width, pixel % width
        if echoes.known[y, x]:
            continue
        size = np.float32(0)
        for c in range(channels):
            size += abs(echoes.error[c, y, x])
        if size > largest:
            best, largest = pixel, size
    return best


@kernel
def exchange(echoes, buffers, candidates, size, limits, absolute):
    """Exchange one pixel for each group of candidates (rows).

    Inserts the candidate with the largest error and then removes the least harmful of the
    ``size + 1`` known pixels, possibly the same one. Returns the number of groups done, which is
    less than all if there is no space left. If it is called again with the remaining groups and
    more space, it continues where it stopped.
    """
    count = echoes.tile_size.sum()
    anywhere, progress = np.full(1, -1), np.zeros(2, np.int64)
    for group in range(candidates.shape[0]):
        if count == size:
            best = _worst(echoes, candidates[group])
            if best < 0:
                continue
            if not insert(echoes, best, limits, absolute, buffers):
                return group
        progress[0] = 1
        if not thin(echoes, buffers, anywhere, progress, np.float32(0), limits, absolute):
            return group
        count = size
    return candidates.shape[0]


@kernel
def new_echoes(echoes, buffers, tile, limits):
    """Compute the echoes of those known pixels of a tile that have none.

    Returns False if there is no space left; call it again with more space.
    """
    base = echoes.tile_start[tile]
    for k in range(base, base + echoes.tile_size[tile]):
        pixel = np.int64(echoes.heap[k])
        if echoes.capacity[pixel] == 0 and not new_echo(echoes, pixel, limits, buffers):
            return False
    return True


@kernel
def relax_tile(echoes, buffers, tile, limits):
    """Make the echoes of a tile harmonic again inside their windows, which stay as they are."""
    base = echoes.tile_start[tile]
    for k in range(base, base + echoes.tile_size[tile]):
        _settle(echoes, np.int64(echoes.heap[k]), _AGAIN * limits[0])
    return True
