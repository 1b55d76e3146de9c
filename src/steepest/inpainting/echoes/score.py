"""The effect of a change of one known pixel on the error."""

import numpy as np

from ...core.compiled import kernel, lean_helper
from .heap import arrange
from .windows import at, window_of

_SMALLEST = np.float32(1e-6)
_DOWN, _RIGHT = (1, -1, 0, 0), (0, 0, 1, -1)


@lean_helper
def _steps(image, error, arena, start, window, pixel, out):
    channels, height, width = image.shape
    y, x = pixel // width, pixel % width
    y0, x0, rows, columns = window
    conductance = np.float32(0)
    for c in range(channels):
        out[c] = np.float32(0)
    for d in range(4):
        yy, xx = y + _DOWN[d], x + _RIGHT[d]
        if yy < 0 or yy >= height or xx < 0 or xx >= width:
            continue
        conductance += np.float32(1) - at(arena, start, y0, x0, rows, columns, yy, xx)
        for c in range(channels):
            out[c] += image[c, yy, xx] + error[c, yy, xx] - image[c, y, x] - error[c, y, x]
    if conductance < _SMALLEST:  # without neighbours, nothing could replace the pixel's value
        for c in range(channels):
            out[c] = np.float32(0)
        return False
    for c in range(channels):
        out[c] /= conductance
    return True


@lean_helper
def _absolute(error, c, y, x0, arena, start, columns, t):
    total = np.float32(0)
    for k in range(columns):
        e = error[c, y, x0 + k]
        total += abs(e + t * arena[start + k]) - abs(e)
    return total


@lean_helper
def _square(error, c, y, x0, arena, start, columns, t):
    total = np.float32(0)
    for k in range(columns):
        step = t * arena[start + k]
        total += (np.float32(2) * error[c, y, x0 + k] + step) * step
    return total


@lean_helper
def _change(error, arena, start, window, t, absolute):
    y0, x0, rows, columns = window
    total = np.float32(0)
    for c in range(t.shape[0]):
        if t[c] == np.float32(0):
            continue
        for y in range(rows):
            first = start + y * columns
            if absolute:
                total += _absolute(error, c, y0 + y, x0, arena, first, columns, t[c])
            else:
                total += _square(error, c, y0 + y, x0, arena, first, columns, t[c])
    return total


@lean_helper
def removal(echoes, pixel, t, absolute):
    """Return the key of a pixel: the change of the summed error on its removal, plus jitter.

    It is infinite if the pixel cannot be removed. Also sets ``t = -(L u)_i / (L b_i)_i``, the
    change of each channel at the pixel, which makes u + t b_i harmonic at i, too.
    """
    window = window_of(echoes.window, pixel)
    image, error, arena, start = echoes.image, echoes.error, echoes.arena, echoes.offset[pixel]
    if not _steps(image, error, arena, start, window, pixel, t):
        return np.float32(np.inf)
    return _change(error, arena, start, window, t, absolute) + echoes.jitter[pixel]


@kernel
def score(echoes, buffers, tile, absolute):
    """Recompute the keys of all pixels of a tile, and order the tile by them."""
    base = echoes.tile_start[tile]
    for k in range(base, base + echoes.tile_size[tile]):
        pixel = np.int64(echoes.heap[k])
        echoes.key[pixel] = removal(echoes, pixel, buffers.t, absolute)
    arrange(echoes, tile)
    return True
