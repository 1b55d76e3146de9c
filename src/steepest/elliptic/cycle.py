"""The multigrid cycle used as preconditioner: compiled, in float32, with levels in flat buffers.

A coarse pixel is an aggregate of two pixels along each coarsened axis. Excesses of the diagonal are
summed over aggregates. Couplings between aggregates are summed and, along coarsened axes,
multiplied by `SCALE`, because a piecewise constant correction is too stiff by a factor of two in
its gradients. (With exactly 1/2 the residual increases on some masks.)

The cycle is a V at the finest level and a W below. Two damped Jacobi steps precede and follow each
coarse correction, at the nodes of the Chebyshev polynomial on the upper three quarters of the
spectrum. The order of the nodes is reversed afterwards, which makes the cycle symmetric.
"""

import math

import numpy as np

from ..core.compiled import helper, kernel
from .kernels import num_planes, num_rows, prolong, relax, restrict, row_of, start, sweep_exactly

SCALE = np.float32(0.55)
OMEGAS = tuple(np.float32(1 / (1.25 + sign * 0.75 * math.sqrt(0.5))) for sign in (1, -1))
_SWEEPS = 4
INVERSE, DIAGONAL, EXCESS, WEIGHTS = 0, 1, 2, 3  # slots of coefficients (three for weights)
UNKNOWN, RIGHT, SCRATCH = 0, 1, 2  # slots of work


@helper
def level_of(buffer, slot, levels, level):
    """A slot of one level, as ``(rows, width + 2)``."""
    rows, width, offset = levels[level, 0], levels[level, 1], levels[level, 2]
    return buffer[slot, offset : offset + rows * width].reshape(rows, width)


@helper
def weights_of(buffer, levels, level):
    """The three weights of one level, as ``(3, rows, width + 2)``."""
    rows, width, offset = levels[level, 0], levels[level, 1], levels[level, 7]
    return buffer[offset : offset + 3 * rows * width].reshape(3, rows, width)


@helper
def plane_of(volume, levels, level):
    if volume is None:
        return None
    return levels[level, 3]


@helper
def _factors(levels, level):
    return levels[level, 4], levels[level, 5], levels[level, 6]


@helper
def _descend(level, first, coefficients, w, work, levels, along, volume, total):
    """Smooth, and restrict the residual to the next level."""
    inverse = level_of(coefficients, INVERSE, levels, level)
    diagonal = level_of(coefficients, DIAGONAL, levels, level)
    u = level_of(work, UNKNOWN, levels, level)
    r = level_of(work, RIGHT, levels, level)
    scratch = level_of(work, SCRATCH, levels, level)
    coarse = level_of(work, RIGHT, levels, level + 1)
    plane, below = plane_of(volume, levels, level), plane_of(volume, levels, level + 1)
    one, two = OMEGAS
    if first:
        start(scratch, r, inverse, one)
    else:
        relax(scratch, u, r, inverse, along, w, plane, one)
    relax(u, scratch, r, inverse, along, w, plane, two)
    restrict(coarse, u, r, diagonal, along, w, plane, below, _factors(levels, level), total)


@helper
def _ascend(level, coefficients, w, work, levels, along, volume):
    """Add the correction from the next level, and smooth."""
    inverse = level_of(coefficients, INVERSE, levels, level)
    u = level_of(work, UNKNOWN, levels, level)
    r = level_of(work, RIGHT, levels, level)
    scratch = level_of(work, SCRATCH, levels, level)
    coarse = level_of(work, UNKNOWN, levels, level + 1)
    plane, below = plane_of(volume, levels, level), plane_of(volume, levels, level + 1)
    one, two = OMEGAS
    prolong(u, coarse, inverse, plane, below, _factors(levels, level))
    relax(scratch, u, r, inverse, along, w, plane, two)
    relax(u, scratch, r, inverse, along, w, plane, one)


@helper
def _solve_coarsest(level, first, coefficients, couplings, work, levels, along, uniform, volume):
    u = level_of(work, UNKNOWN, levels, level)
    r = level_of(work, RIGHT, levels, level)
    diagonal = level_of(coefficients, DIAGONAL, levels, level)
    plane = plane_of(volume, levels, level)
    if first:
        u[:] = np.float32(0)
    if uniform and level == 0:
        sweep_exactly(u, r, diagonal, along, None, plane, _SWEEPS)
    else:
        w = weights_of(couplings, levels, level)
        sweep_exactly(u, r, diagonal, along, w, plane, _SWEEPS)


@kernel
def cycle(coefficients, couplings, work, levels, along, uniform, volume, total):
    """``work[UNKNOWN] = M work[RIGHT]`` on the finest level: one cycle, starting from zero."""
    last = levels.shape[0] - 1
    visits = np.zeros(last + 1, np.int64)
    level, down = 0, True
    while level >= 0:
        first = level == 0 or visits[level - 1] == 0
        if down and level == last:
            _solve_coarsest(
                level, first, coefficients, couplings, work, levels, along, uniform, volume
            )
            down = False
            level -= 1
        elif down:
            if uniform and level == 0:
                _descend(level, first, coefficients, None, work, levels, along, volume, total)
            else:
                w = weights_of(couplings, levels, level)
                _descend(level, first, coefficients, w, work, levels, along, volume, total)
            visits[level] = 0
            level += 1
        else:
            visits[level] += 1
            if level > 0 and visits[level] < 2:
                down = True
                level += 1
            else:
                if uniform and level == 0:
                    _ascend(level, coefficients, None, work, levels, along, volume)
                else:
                    w = weights_of(couplings, levels, level)
                    _ascend(level, coefficients, w, work, levels, along, volume)
                level -= 1


@helper
def _sum_into(level, coefficients, couplings, levels, along, uniform, volume):
    """Compute excesses and couplings of ``level + 1`` as sums over its aggregates."""
    inverse = level_of(coefficients, INVERSE, levels, level)
    excess = level_of(coefficients, EXCESS, levels, level)
    coarse_excess = level_of(coefficients, EXCESS, levels, level + 1)
    coarse = weights_of(couplings, levels, level + 1)
    plane, below = plane_of(volume, levels, level), plane_of(volume, levels, level + 1)
    f_z, f_y, f_x = _factors(levels, level)
    coarse_excess[:] = np.float32(0)
    coarse[:] = np.float32(0)
    plain = uniform and level == 0
    w = weights_of(couplings, levels, level + 1 if plain else level)
    depth, height, width = (
        num_planes(inverse, plane),
        num_rows(inverse, plane),
        inverse.shape[1] - 2,
    )
    axes, step = (2, 0) if plane is None else (3, levels[level, 3])
    for z in range(depth):
        for y in range(height):
            k = row_of(z, y, plane)
            c = row_of(z // f_z, y // f_y, below)
            for j in range(1, width + 1):
                if inverse[k, j] == np.float32(0):
                    continue
                i = (j - 1) // f_x + 1
                coarse_excess[c, i] += excess[k, j]
                for a in range(axes):
                    # Only couplings between different aggregates.
                    place = j - 1 if a == 0 else (y if a == 1 else z)
                    factor = f_x if a == 0 else (f_y if a == 1 else f_z)
                    if place % factor != factor - 1:
                        continue
                    if a == 0:
                        active = inverse[k, j + 1] > np.float32(0)
                    else:
                        active = inverse[k + (1 if a == 1 else step), j] > np.float32(0)
                    if not active:
                        continue
                    value = along[a] if plain else w[a, k, j]
                    coarse[a, c, i] += value * (SCALE if factor == 2 else np.float32(1))


@helper
def _edge(w, along, a, k, j):
    if w is None:
        return along[a]
    return w[a, k, j]


@helper
def _count(diagonal, leak, excess, other_k, other_j, w):
    """Add a coupling to the diagonal and, if the other pixel is held at zero, to the leak."""
    other = excess[other_k, other_j]
    if other < 0.0:  # outside
        return diagonal, leak
    return diagonal + w, leak + (w if np.isinf(other) else 0.0)


@kernel
def set_finest(excess, diagonal, coefficients, levels, along, weights, volume):
    """The finest diagonal in float64, and diagonal, inverse and excess in float32.

    ``excess`` has a border of -1. Couplings of a pixel that is held at zero become excess of its
    neighbours.
    """
    inverse = level_of(coefficients, INVERSE, levels, 0)
    single = level_of(coefficients, DIAGONAL, levels, 0)
    leaks = level_of(coefficients, EXCESS, levels, 0)
    plane = plane_of(volume, levels, 0)
    for z in range(num_planes(excess, plane)):
        for y in range(num_rows(excess, plane)):
            k = row_of(z, y, plane)
            for j in range(1, excess.shape[1] - 1):
                d = leak = excess[k, j]
                if np.isinf(d):
                    continue
                d, leak = _count(d, leak, excess, k, j + 1, _edge(weights, along, 0, k, j))
                d, leak = _count(d, leak, excess, k, j - 1, _edge(weights, along, 0, k, j - 1))
                d, leak = _count(d, leak, excess, k + 1, j, _edge(weights, along, 1, k, j))
                d, leak = _count(d, leak, excess, k - 1, j, _edge(weights, along, 1, k - 1, j))
                if plane is not None:
                    b = levels[0, 3]
                    d, leak = _count(d, leak, excess, k + b, j, _edge(weights, along, 2, k, j))
                    d, leak = _count(d, leak, excess, k - b, j, _edge(weights, along, 2, k - b, j))
                diagonal[k, j] = d
                single[k, j] = d
                leaks[k, j] = leak
                inverse[k, j] = 1.0 / d if d > 0.0 else 0.0


@helper
def invert_diagonal(level, coefficients, couplings, levels, volume):
    """Compute the diagonal of a level, from its excesses and couplings, and the inverse."""
    inverse = level_of(coefficients, INVERSE, levels, level)
    diagonal = level_of(coefficients, DIAGONAL, levels, level)
    excess = level_of(coefficients, EXCESS, levels, level)
    w = weights_of(couplings, levels, level)
    plane = plane_of(volume, levels, level)
    for z in range(num_planes(inverse, plane)):
        for y in range(num_rows(inverse, plane)):
            k = row_of(z, y, plane)
            for j in range(1, inverse.shape[1] - 1):
                d = excess[k, j] + w[0, k, j] + w[0, k, j - 1] + w[1, k, j] + w[1, k - 1, j]
                if plane is not None:
                    d += w[2, k, j] + w[2, k - levels[level, 3], j]
                diagonal[k, j] = d
                inverse[k, j] = np.float32(1) / d if d > np.float32(0) else np.float32(0)


@kernel
def coarsen(coefficients, couplings, levels, along, uniform, volume):
    """Compute all levels below the finest."""
    for level in range(levels.shape[0] - 1):
        _sum_into(level, coefficients, couplings, levels, along, uniform, volume)
        invert_diagonal(level + 1, coefficients, couplings, levels, volume)
