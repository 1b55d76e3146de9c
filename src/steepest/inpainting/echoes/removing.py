"""Removal of known pixels, starting with the least harmful."""

import numpy as np

from ...core.compiled import kernel, lean_helper
from .heap import best_tile, drop, first, set_key
from .score import removal
from .windows import add_window, at, measure, widen, window_of


@lean_helper
def _flows(known, arena, start, window, pixel, found, flows):
    """Find known pixels j next to the support of an echo and the flow into them, ``(-L b_i)_j``."""
    height, width = known.shape
    y0, x0, rows, columns = window
    count = 0
    for y in range(max(y0 - 1, 0), min(y0 + rows + 1, height)):
        for x in range(max(x0 - 1, 0), min(x0 + columns + 1, width)):
            if known[y, x] == 0 or y * width + x == pixel:
                continue
            flow = at(arena, start, y0, x0, rows, columns, y, x - 1)
            flow += at(arena, start, y0, x0, rows, columns, y, x + 1)
            flow += at(arena, start, y0, x0, rows, columns, y - 1, x)
            flow += at(arena, start, y0, x0, rows, columns, y + 1, x)
            if flow > np.float32(0) and count < found.shape[0]:
                found[count], flows[count] = y * width + x, flow
                count += 1
    return count


@lean_helper
def neighbours(echoes, pixel, delta, buffers):
    """Find the known pixels next to the support of an echo, and the shares of the flow into them.

    Shares below ``delta`` are dropped, and the others scaled to sum to 1. Returns the number of
    pixels found.
    """
    found, shares, window = buffers.found, buffers.shares, window_of(echoes.window, pixel)
    count = _flows(echoes.known, echoes.arena, echoes.offset[pixel], window, pixel, found, shares)
    total = np.float32(0)
    for k in range(count):
        total += shares[k]
    kept, rest = 0, np.float32(0)
    for k in range(count):
        if shares[k] >= delta * total:
            found[kept], shares[kept] = found[k], shares[k]
            rest += shares[k]
            kept += 1
    for k in range(kept):
        shares[k] /= rest
    return kept


@lean_helper
def add_to_error(echoes, pixel, t):
    """Compute ``error += t b_pixel``."""
    y0, x0, rows, columns = window_of(echoes.window, pixel)
    error, arena, start = echoes.error, echoes.arena, echoes.offset[pixel]
    for c in range(t.shape[0]):
        for y in range(rows):
            first = start + y * columns
            for k in range(columns):
                error[c, y0 + y, x0 + k] += t[c] * arena[first + k]


@lean_helper
def remove(echoes, pixel, limits, absolute, buffers):
    """Remove a known pixel i from the mask: b_j += s_j b_i for its neighbours j (a star-mesh step).

    ``buffers.t`` is as `removal` sets it. Returns False, before any change, without space.
    """
    found, shares = buffers.found, buffers.shares
    width = echoes.image.shape[2]
    count = neighbours(echoes, pixel, limits[1], buffers)
    measure(echoes, pixel, buffers.extent)
    for k in range(count):
        if not widen(echoes, k, pixel, limits, buffers):
            return False
    add_to_error(echoes, pixel, buffers.t)
    drop(echoes, pixel)
    echoes.known[pixel // width, pixel % width] = 0
    for k in range(count):
        if shares[k] > np.float32(0):
            add_window(echoes, found[k], pixel, shares[k])
    echoes.capacity[pixel] = 0
    for k in range(count):
        set_key(echoes, found[k], removal(echoes, found[k], buffers.t, absolute))
    return True


@kernel
def thin(echoes, buffers, tiles, progress, threshold, limits, absolute):
    """Remove the pixels of some tiles whose keys are below a threshold, at most ``progress[0]``.

    The tiles are processed in turn, each starting with its least harmful pixel. If the only tile is
    -1, the least harmful pixel of all is removed each time, whatever its key. ``progress[1]``
    counts the finished tiles. Returns False if there is no space left; call it again with more.
    Keys are computed anew before a removal; if another one is smaller then, the pixel is put back.
    """
    key, position, level, size = echoes.key, echoes.position, echoes.level, echoes.tile_size
    while progress[0] > 0 and progress[1] < tiles.shape[0]:
        tile = tiles[progress[1]]
        anywhere = tile < 0
        if anywhere:
            tile = best_tile(echoes)
        pixel = first(echoes, tile)
        if not anywhere and (size[tile] == 0 or key[pixel] >= threshold):
            progress[1] += 1
            continue
        fresh = removal(echoes, pixel, buffers.t, absolute)
        worse = fresh > key[pixel]
        set_key(echoes, pixel, fresh)
        if worse:
            if anywhere:
                tile = best_tile(echoes)
            if first(echoes, tile) != pixel or (not anywhere and fresh >= threshold):
                continue
        if not remove(echoes, pixel, limits, absolute, buffers):
            return False
        progress[0] -= 1
        if anywhere:
            key[pixel], position[pixel] = np.float32(0), progress[0]
        else:
            level[tile] = max(level[tile], fresh)
            key[pixel], position[pixel] = level[tile], size[tile]
    return True
