"""Removing known pixels, the least harmful first."""

from __future__ import annotations

import numba as nb
import numpy as np

from ...elliptic.kernels import OPTIONS
from .heap import best_tile, drop, first, second_key, set_key
from .options import PLAIN
from .score import removal
from .state import MOST_NEIGHBOURS, SIZE
from .windows import add_window, at, measure, ready, window_of


@nb.njit(**OPTIONS)
def scratch_for(reach):
    """Room for a window of the largest size, and for its rows' and columns' largest values."""
    side = 2 * reach + 1
    return np.zeros(side * side, np.float32), np.zeros((2, side), np.float32)


@nb.njit(**PLAIN)
def _flows(known, arena, start, window, pixel, found, flows):
    """Known pixels j next to the support of an echo, and the flow into them, ``(-L b_i)_j``."""
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


@nb.njit(**PLAIN)
def neighbours(echoes, pixel, delta, found, shares):
    """Known pixels next to the support of an echo, and the flows into them as shares of one.

    Shares below ``delta`` are dropped. Returns how many are found.
    """
    place = window_of(echoes.window, pixel)
    count = _flows(echoes.known, echoes.arena, echoes.offset[pixel], place, pixel, found, shares)
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


@nb.njit(**PLAIN)
def add_to_error(echoes, pixel, t):
    """``error += t b_pixel``."""
    y0, x0, rows, columns = window_of(echoes.window, pixel)
    error, arena, start = echoes.error, echoes.arena, echoes.offset[pixel]
    for c in range(t.shape[0]):
        for y in range(rows):
            first = start + y * columns
            for k in range(columns):
                error[c, y0 + y, x0 + k] += t[c] * arena[first + k]


@nb.njit(**PLAIN)
def remove(echoes, pixel, t, limits, absolute, scratch, extent, found, shares):
    """Take a known pixel out of the mask: b_j += s_j b_i for its neighbours j (a star-mesh step).

    ``t`` is what `steps` gave. Enough of the arena must be free.
    """
    tolerance, delta, reach = limits
    width = echoes.image.shape[2]
    count = neighbours(echoes, pixel, delta, found, shares)
    add_to_error(echoes, pixel, t)
    drop(echoes, pixel)
    echoes.known[pixel // width, pixel % width] = 0
    measure(echoes, pixel, extent)
    for k in range(count):
        add_window(echoes, found[k], pixel, shares[k], tolerance, reach, extent, scratch)
    echoes.room[pixel] = 0
    for k in range(count):
        set_key(echoes, found[k], removal(echoes, found[k], t, absolute))


@nb.njit(**OPTIONS)
def thin(echoes, target, threshold, limits, absolute, rank):
    """Remove pixels until ``target`` are left, the least harmful first.

    With a finite ``threshold`` tile by tile: from each those whose key is below it. Returns False
    where the arena is full: call again with more. ``rank[i]`` is set to how many are left after i.

    A key is computed anew before its pixel is removed; if it is no longer the smallest, the pixel
    is put back.
    """
    scratch, extent = scratch_for(limits[2])
    found = np.zeros(MOST_NEIGHBOURS, np.int64)
    shares = np.zeros(MOST_NEIGHBOURS, np.float32)
    t = np.zeros(echoes.image.shape[0], np.float32)
    by_tile = np.isfinite(threshold)
    tile = 0
    while echoes.counters[SIZE] > target:
        if not ready(echoes, 100 * scratch.shape[0], MOST_NEIGHBOURS):
            return False
        if by_tile:
            while echoes.tile_size[tile] == 0 or echoes.key[first(echoes, tile)] >= threshold:
                tile += 1
                if tile == echoes.tile_size.shape[0]:
                    return True
        else:
            tile = best_tile(echoes)
        pixel = first(echoes, tile)
        fresh = removal(echoes, pixel, t, absolute)
        overtaken = fresh > second_key(echoes, tile) or (by_tile and fresh >= threshold)
        if overtaken and fresh > echoes.key[pixel]:
            set_key(echoes, pixel, fresh)
            continue
        remove(echoes, pixel, t, limits, absolute, scratch, extent, found, shares)
        rank[pixel] = echoes.counters[SIZE]
    return True
