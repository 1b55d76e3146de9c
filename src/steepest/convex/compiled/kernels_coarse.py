"""Compiled transfer of a step's dual problem to a grid of half its size, and of a change back.

Images are (channels, depth, height, width), radii (depth, height, width), and fluxes (axes,
channels, depth, height, width) along the last axes of space. A coarse pixel is a block of two fine
ones along each axis, or of one where only one is left. Loops are along rows, which vectorises them.
"""

import numpy as np

from ...core.compiled import lean_helper as helper
from ...core.compiled import lean_kernel as kernel


@helper
def _add(out, row):
    for j in range(out.shape[0]):
        out[j] += row[j]


@helper
def _add_square(out, row):
    for j in range(out.shape[0]):
        out[j] += row[j] * row[j]


@helper
def _lower(room, square, radius):
    """``room = min(room, radius - root(square))``; ``square`` becomes 0."""
    for j in range(room.shape[0]):
        room[j] = min(room[j], radius[j] - np.sqrt(square[j]))
        square[j] = 0


@helper
def _combine(out, row, first, second):
    """The sums of pairs with these factors; a single last number takes both."""
    pairs = row.shape[0] // 2
    if out.shape[0] == row.shape[0]:
        pairs = 0
    a, b = row.dtype.type(first), row.dtype.type(second)
    for j in range(pairs):
        out[j] = a * row[2 * j] + b * row[2 * j + 1]
    if pairs < out.shape[0]:
        out[out.shape[0] - 1] = (a + b) * row[row.shape[0] - 1]


@helper
def _limit(out, room, square):
    """``out = max(out, root(square) + max(room, 0))`` over pairs; ``square`` becomes 0."""
    pairs = room.shape[0] // 2
    if out.shape[0] == room.shape[0]:
        pairs = 0
    zero = room.dtype.type(0)
    for j in range(pairs):
        least = max(min(room[2 * j], room[2 * j + 1]), zero)
        out[j] = max(out[j], np.sqrt(square[j]) + least)
    if pairs < out.shape[0]:
        k = out.shape[0] - 1
        out[k] = max(out[k], np.sqrt(square[k]) + max(room[room.shape[0] - 1], zero))
    for j in range(out.shape[0]):
        square[j] = 0


@kernel
def halve(f, p, radius, separate, mean, centre, limit, rows):
    """Write the mean data, the mean flux and the radii ``limit`` on the coarse grid.

    A coarse radius is the norm of the mean flux, plus the least room in the block: what is between
    the norm of the flux and its ``radius``. With one norm per axis (``separate``), it is the
    largest of those of the axes. ``rows``, (channels (1 + axes) + axes + 1, width), are scratch.
    """
    axes, channels, depth, height, _ = p.shape
    rooms = axes if separate else 1
    fluxes, room, square = channels, channels * (1 + axes), channels * (1 + axes) + axes
    rows[square] = 0
    for z in range(mean.shape[1]):
        top = min(2 * z + 1, depth - 1)
        for y in range(mean.shape[2]):
            low = min(2 * y + 1, height - 1)
            rows[:room] = 0
            rows[room:square] = np.inf
            for k in range(2 * z, top + 1):
                for i in range(2 * y, low + 1):
                    for c in range(channels):
                        _add(rows[c], f[c, k, i])
                    for a in range(axes):
                        along = axes - a  # 1: x, 2: y, 3: z
                        through = (along != 3 or k == top) and (along != 2 or i == low)
                        for c in range(channels):
                            _add_square(rows[square], p[a, c, k, i])
                            if through:
                                _add(rows[fluxes + a * channels + c], p[a, c, k, i])
                        if separate or along == 1:
                            _lower(rows[room + a % rooms], rows[square], radius[k, i])
            planes, lines = top - 2 * z + 1, low - 2 * y + 1
            limit[z, y] = 0
            for c in range(channels):
                _combine(mean[c, z, y], rows[c], 0.5 / (planes * lines), 0.5 / (planes * lines))
            for a in range(axes):
                along = axes - a
                count = (1 if along == 3 else planes) * (1 if along == 2 else lines)
                before = 0.0 if along == 1 else 0.5
                for c in range(channels):
                    out, row = centre[a, c, z, y], rows[fluxes + a * channels + c]
                    _combine(out, row, before / count, (1 - before) / count)
                    _add_square(rows[square, : out.shape[0]], out)
                if separate or along == 1:
                    part = rows[square, : limit.shape[2]]
                    _limit(limit[z, y], rows[room + a % rooms], part)


@helper
def _spread(out, before, first, here, second):
    """Add a mean of two coarse rows to the two pixels of each cell (or the last, single one)."""
    a, b = here.dtype.type(first), here.dtype.type(second)
    pairs = 0 if out.shape[0] == here.shape[0] else out.shape[0] // 2
    for j in range(pairs):
        value = a * before[j] + b * here[j]
        out[2 * j] += value
        out[2 * j + 1] += value
    if pairs < here.shape[0]:
        j = here.shape[0] - 1
        out[out.shape[0] - 1] += a * before[j] + b * here[j]


@helper
def _interpolate(out, q):
    """Add a flux along a row; nothing flows through its last face."""
    half = q.dtype.type(0.5)
    if out.shape[0] > 1:
        out[0] += half * q[0]
        out[1] += q[0]
    for j in range(1, out.shape[0] // 2):
        out[2 * j] += half * (q[j - 1] + q[j])
        out[2 * j + 1] += q[j]


@kernel
def add_prolonged(p, q):
    """Add the interpolated coarse flux ``q`` to ``p`` (see `grid.coarsening.prolong`)."""
    axes, channels, depth, height, _ = p.shape
    for a in range(axes):
        along = axes - a  # 1: x, 2: y, 3: z
        for c in range(channels):
            for z in range(depth):
                for y in range(height):
                    k, i = z // 2, y // 2
                    out, here = p[a, c, z, y], q[a, c, k, i]
                    if along == 1:
                        _interpolate(out, here)
                        continue
                    at, last = (y, height - 1) if along == 2 else (z, depth - 1)
                    if at == last:
                        continue
                    if at % 2 == 1:
                        _spread(out, here, 0.0, here, 1.0)
                    elif at == 0:
                        _spread(out, here, 0.0, here, 0.5)
                    elif along == 2:
                        _spread(out, q[a, c, k, i - 1], 0.5, here, 0.5)
                    else:
                        _spread(out, q[a, c, k - 1, i], 0.5, here, 0.5)
