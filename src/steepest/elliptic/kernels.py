"""Compiled sweeps over one level of a grid: neighbour sums, smoothing, residual, transfer.

A level is a stack of rows with a border of zeros: ``(height + 2, width + 2)`` for images, and
``((depth + 2) * (height + 2), width + 2)`` for volumes. In a volume, the same row of the next plane
is ``plane = height + 2`` rows away; ``plane`` is None for images. ``weights[a]`` couples a pixel to
the next one along axis a (0: x, 1: y, 2: z) and is zero if either is inactive. ``weights=None``
means the same numbers ``along`` everywhere. At inactive pixels, ``diagonal``, ``inverse`` and all
images are zero.
"""

import numpy as np

from ..core.compiled import helper


@helper
def coupled(u, k, j, along, weights, plane):
    """``sum over neighbours q of w_q u_q`` at row k, column j; the compiler inlines it."""
    if weights is None:
        total = along[0] * (u[k, j - 1] + u[k, j + 1]) + along[1] * (u[k - 1, j] + u[k + 1, j])
        if plane is not None:
            total += along[2] * (u[k - plane, j] + u[k + plane, j])
    else:
        total = weights[0, k, j - 1] * u[k, j - 1] + weights[0, k, j] * u[k, j + 1]
        total += weights[1, k - 1, j] * u[k - 1, j] + weights[1, k, j] * u[k + 1, j]
        if plane is not None:
            total += weights[2, k - plane, j] * u[k - plane, j] + weights[2, k, j] * u[k + plane, j]
    return total


@helper
def num_planes(u, plane):
    """The number of planes without the border."""
    if plane is None:
        return 1
    return u.shape[0] // plane - 2


@helper
def num_rows(u, plane):
    """The number of rows of a plane without the border."""
    if plane is None:
        return u.shape[0] - 2
    return plane - 2


@helper
def row_of(z, y, plane):
    """The index of line y in plane z, both counted from 0 without the border."""
    if plane is None:
        return y + 1
    return (z + 1) * plane + y + 1


@helper
def _relax_row(out, u, r, inverse, k, along, weights, plane, omega):
    rest = np.float32(1) - omega
    for j in range(1, out.shape[1] - 1):
        total = r[k, j] + coupled(u, k, j, along, weights, plane)
        out[k, j] = rest * u[k, j] + omega * inverse[k, j] * total


@helper
def relax(out, u, r, inverse, along, weights, plane, omega):
    """One damped Jacobi step: ``out = u + omega D^-1 (r - A u)``."""
    for z in range(num_planes(u, plane)):
        for y in range(num_rows(u, plane)):
            _relax_row(out, u, r, inverse, row_of(z, y, plane), along, weights, plane, omega)


@helper
def start(out, r, inverse, omega):
    """One damped Jacobi step from zero: ``out = omega D^-1 r``."""
    for k in range(out.shape[0]):
        o, right, d = out[k], r[k], inverse[k]
        for j in range(out.shape[1]):
            o[j] = omega * d[j] * right[j]


@helper
def _add_residual(total, u, r, diagonal, k, along, weights, plane):
    for j in range(1, u.shape[1] - 1):
        value = r[k, j] + coupled(u, k, j, along, weights, plane) - diagonal[k, j] * u[k, j]
        total[j] += value if diagonal[k, j] > np.float32(0) else np.float32(0)


@helper
def restrict(coarse, u, r, diagonal, along, weights, plane, coarse_plane, factors, total):
    """``coarse = P^T (r - A u)``: the residual summed over the pixels of each coarse pixel."""
    depth, height = num_planes(u, plane), num_rows(u, plane)
    f_z, f_y, f_x = factors
    for cz in range(num_planes(coarse, coarse_plane)):
        for cy in range(num_rows(coarse, coarse_plane)):
            total[: u.shape[1] + 1] = np.float32(0)
            for z in range(cz * f_z, min((cz + 1) * f_z, depth)):
                for y in range(cy * f_y, min((cy + 1) * f_y, height)):
                    k = row_of(z, y, plane)
                    _add_residual(total, u, r, diagonal, k, along, weights, plane)
            out = coarse[row_of(cz, cy, coarse_plane)]
            if f_x == 1:
                for j in range(1, out.shape[0] - 1):
                    out[j] = total[j]
            else:
                for j in range(1, out.shape[0] - 1):
                    out[j] = total[2 * j - 1] + total[2 * j]


@helper
def prolong(u, coarse, inverse, plane, coarse_plane, factors):
    """``u += P coarse``: add the value of its coarse pixel to every active pixel."""
    f_z, f_y, f_x = factors
    for z in range(num_planes(u, plane)):
        for y in range(num_rows(u, plane)):
            k = row_of(z, y, plane)
            out, d = u[k], inverse[k]
            c = coarse[row_of(z // f_z, y // f_y, coarse_plane)]
            for j in range(1, out.shape[0] - 1):
                value = c[j] if f_x == 1 else c[(j + 1) // 2]
                out[j] += value if d[j] > np.float32(0) else np.float32(0)


@helper
def sweep_exactly(u, r, diagonal, along, weights, plane, num_sweeps):
    """Symmetric Gauss-Seidel sweeps, row by row, for the few pixels of the coarsest level."""
    height, width = num_rows(u, plane), u.shape[1] - 2
    size = num_planes(u, plane) * height * width
    for sweep in range(2 * num_sweeps):
        for step in range(size):
            i = step if sweep % 2 == 0 else size - 1 - step
            k = row_of(i // (height * width), i // width % height, plane)
            j = i % width + 1
            if diagonal[k, j] > np.float32(0):
                total = r[k, j] + coupled(u, k, j, along, weights, plane)
                u[k, j] = total / diagonal[k, j]
