"""Adding known pixels, and exchanging them for others."""

from __future__ import annotations

import math

import numba as nb
import numpy as np

from ...elliptic.kernels import OPTIONS
from .heap import best_tile, first, push, set_key
from .options import PLAIN
from .removing import add_to_error, neighbours, remove, scratch_for
from .score import removal
from .state import MOST_NEIGHBOURS
from .windows import at, ready, reshape, set_window, window_of

_RADII = 2.6  # of a window, in units of the distance between known pixels around
_OMEGA = np.float32(1.5)  # over-relaxation
_MOST_SWEEPS = 60


@nb.njit(**PLAIN)
def _radius(echoes, y, x, reach):
    """Half the side of the window for a new echo, from the density of known pixels around."""
    height, width = echoes.known.shape
    radius = 4
    while radius < reach:
        count = 0
        for yy in range(max(y - radius, 0), min(y + radius + 1, height)):
            for xx in range(max(x - radius, 0), min(x + radius + 1, width)):
                count += echoes.known[yy, xx]
        if count >= 8:
            side = (2 * radius + 1) / math.sqrt(count)
            return min(max(math.ceil(_RADII * side), 2), reach)
        radius *= 2
    return reach


@nb.njit(**PLAIN)
def place(echoes, pixel, reach, tolerance, scratch):
    """Compute the echo a pixel would have if it were known: over-relaxation in its window.

    Zero at known pixels and outside the window. False where the arena has no room.
    """
    height, width = echoes.known.shape
    y, x = pixel // width, pixel % width
    radius = _radius(echoes, y, x, reach)
    y0, x0 = max(y - radius, 0), max(x - radius, 0)
    rows, columns = min(y + radius + 1, height) - y0, min(x + radius + 1, width) - x0
    set_window(echoes.window, pixel, y, x, 0, 0)
    if not reshape(echoes, pixel, y0, x0, rows, columns, scratch):
        return False
    start = echoes.offset[pixel]
    b = echoes.arena[start : start + rows * columns].reshape(rows, columns)
    b[y - y0, x - x0] = np.float32(1)
    for _ in range(_MOST_SWEEPS):
        if _relax(b, echoes.known, y0, x0, y - y0, x - x0) < tolerance:
            break
    return True


@nb.njit(**PLAIN)
def _relax(b, known, y0, x0, center_y, center_x):
    """One sweep; the largest change."""
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


@nb.njit(**PLAIN)
def _subtract(echoes, pixel, other, factor):
    """``b_pixel -= factor b_other`` inside the window of ``pixel``, not below zero."""
    own_y, own_x, own_rows, own_columns = window_of(echoes.window, pixel)
    y0, x0, rows, columns = window_of(echoes.window, other)
    arena, start, begin = echoes.arena, echoes.offset[pixel], echoes.offset[other]
    first, last = max(own_x, x0), min(own_x + own_columns, x0 + columns)
    for y in range(max(own_y, y0), min(own_y + own_rows, y0 + rows)):
        to = start + (y - own_y) * own_columns - own_x
        of = begin + (y - y0) * columns - x0
        for x in range(first, last):
            arena[to + x] = max(arena[to + x] - factor * arena[of + x], np.float32(0))


@nb.njit(**PLAIN)
def insert(echoes, pixel, t, limits, absolute, scratch, found, shares):
    """Put an unknown pixel into the mask: its error becomes zero. False where there is no room."""
    tolerance, _, reach = limits
    if not place(echoes, pixel, reach, np.float32(0.1) * tolerance, scratch):
        return False
    width = echoes.image.shape[2]
    y, x = pixel // width, pixel % width
    for c in range(t.shape[0]):
        t[c] = -echoes.error[c, y, x]
    add_to_error(echoes, pixel, t)
    echoes.known[y, x] = 1
    count = neighbours(echoes, pixel, np.float32(0), found, shares)
    for k in range(count):
        y0, x0, rows, columns = window_of(echoes.window, found[k])
        start = echoes.offset[found[k]]
        factor = at(echoes.arena, start, y0, x0, rows, columns, y, x)
        if factor > np.float32(0):
            _subtract(echoes, found[k], pixel, factor)
            set_key(echoes, found[k], removal(echoes, found[k], t, absolute))
    push(echoes, pixel, removal(echoes, pixel, t, absolute))
    return True


@nb.njit(**OPTIONS)
def exchange(echoes, candidates, limits, absolute):
    """For each group of candidates (rows): insert the one with the largest error, then remove the
    least harmful known pixel, which may be the same. Returns how many groups were done: fewer than
    all where the arena is full.
    """
    scratch, extent = scratch_for(limits[2])
    found = np.zeros(MOST_NEIGHBOURS, np.int64)
    shares = np.zeros(MOST_NEIGHBOURS, np.float32)
    t = np.zeros(echoes.image.shape[0], np.float32)
    width = echoes.image.shape[2]
    for group in range(candidates.shape[0]):
        if not ready(echoes, 200 * scratch.shape[0], 2 * MOST_NEIGHBOURS):
            return group
        best, largest = -1, np.float32(0)
        for pixel in candidates[group]:
            y, x = pixel // width, pixel % width
            if echoes.known[y, x]:
                continue
            size = np.float32(0)
            for c in range(t.shape[0]):
                size += abs(echoes.error[c, y, x])
            if size > largest:
                best, largest = pixel, size
        if best < 0 or not insert(echoes, best, t, limits, absolute, scratch, found, shares):
            continue
        while True:
            pixel = first(echoes, best_tile(echoes))
            fresh = removal(echoes, pixel, t, absolute)
            if fresh <= echoes.key[pixel]:
                break
            set_key(echoes, pixel, fresh)
            if first(echoes, best_tile(echoes)) == pixel:
                break
        remove(echoes, pixel, t, limits, absolute, scratch, extent, found, shares)
    return candidates.shape[0]


@nb.njit(**OPTIONS)
def place_all(echoes, first, limits):
    """Compute the echoes of all known pixels from number ``first`` on; where the arena is full,
    the number to go on from, else how many pixels there are."""
    scratch, _ = scratch_for(limits[2])
    width = echoes.image.shape[2]
    for pixel in range(first, echoes.key.shape[0]):
        if echoes.known[pixel // width, pixel % width]:
            if not ready(echoes, 2 * scratch.shape[0], 1):
                return pixel
            place(echoes, pixel, limits[2], np.float32(0.1) * limits[0], scratch)
    return echoes.key.shape[0]
