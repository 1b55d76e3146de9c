"""Echoes that are computed one by one, and their relaxation."""

import math

import numpy as np

from ...core.compiled import kernel, lean_helper
from .windows import reshape, set_window, window_of

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

    It is zero at other known pixels and outside. Returns False if there is no space left.
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


@kernel
def new_echoes(echoes, buffers, tile, limits):
    """Compute the missing echoes of known pixels of a tile; False if there is no space left."""
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
