"""The effect of a change of one known pixel on the error."""

import numpy as np

from ...core.compiled import kernel, lean_helper
from ...core.vectors import LANES, fill, load, magnitude, total
from .heap import arrange
from .windows import INSIDE, at, window_of

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
def _change(error, arena, start, window, t, absolute):
    """Compute the change of the error, 16 pixels of a row at a time; those after its end count 0.

    What lies there is read, so both arrays have `LANES` numbers to spare.
    """
    y0, x0, rows, columns = window
    height, width = error.shape[1:]
    gain = fill(error, np.float32(0))
    for x in range(0, columns, LANES):
        inside = load(INSIDE, max(LANES - columns + x, 0))
        for y in range(rows):
            b = load(arena, start + y * columns + x) * inside
            for c in range(t.shape[0]):
                e = load(error, (c * height + y0 + y) * width + x0 + x)
                step = fill(error, t[c]) * b
                if absolute:
                    gain += magnitude(e + step) - magnitude(e)
                else:
                    gain += (e + e + step) * step
    return np.float32(total(gain))


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
