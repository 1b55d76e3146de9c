"""Compiled loops that spread charges to a grid, and gather sums from it, by a window."""

import numpy as np

from ..core.compiled import helper, kernel

TERMS = 24
"""Coefficients of the smooth part of the distance and of the window, in powers of ``1 - u^2``."""


@helper
def _window(place, width, c, w, d):
    """Write the window around a place at ``width`` nodes, and its slopes; return the first node.

    The node ``width / 2`` is at place 0.
    """
    if width == 1:  # an axis without extent
        w[0], d[0] = 1.0, 0.0
        return 0
    first = int(np.ceil(place))
    for a in range(width):
        z = (first + a - place) * (2.0 / width) - 1.0
        u, value, slope = 1.0 - z * z, 0.0, 0.0
        for k in range(TERMS - 1, -1, -1):
            slope = slope * u + value
            value = value * u + c[k]
        w[a] = value
        d[a] = 4.0 / width * z * slope
    return first


@kernel
def spread_charges(points, low, spacing, widths, c, charges, grid):
    """Add the charges (N,) at the points (N, 3), spread by windows, to ``grid``."""
    wz, wy, wx, d = np.empty(16), np.empty(16), np.empty(16), np.empty(16)
    for i in range(len(points)):
        z = _window((points[i, 0] - low[0]) / spacing, widths[0], c, wz, d)
        y = _window((points[i, 1] - low[1]) / spacing, widths[1], c, wy, d)
        x = _window((points[i, 2] - low[2]) / spacing, widths[2], c, wx, d)
        for e in range(widths[0]):
            for a in range(widths[1]):
                weight = charges[i] * wz[e] * wy[a]
                for b in range(widths[2]):
                    grid[z + e, y + a, x + b] += weight * wx[b]


@kernel
def gather_sums(points, low, spacing, widths, c, grid, begin, end, value, gradient):
    """Add the sums on the grid at the points begin to end, and their gradients."""
    wz, wy, wx = np.empty(16), np.empty(16), np.empty(16)
    dz, dy, dx = np.empty(16), np.empty(16), np.empty(16)
    for i in range(begin, end):
        z = _window((points[i, 0] - low[0]) / spacing, widths[0], c, wz, dz)
        y = _window((points[i, 1] - low[1]) / spacing, widths[1], c, wy, dy)
        x = _window((points[i, 2] - low[2]) / spacing, widths[2], c, wx, dx)
        f = fz = fy = fx = 0.0
        for e in range(widths[0]):
            for a in range(widths[1]):
                row = row_d = 0.0
                for b in range(widths[2]):
                    node = grid[z + e, y + a, x + b]
                    row += wx[b] * node
                    row_d += dx[b] * node
                f += wz[e] * wy[a] * row
                fz += dz[e] * wy[a] * row
                fy += wz[e] * dy[a] * row
                fx += wz[e] * wy[a] * row_d
        value[i] += f
        gradient[i, 0] += fz / spacing
        gradient[i, 1] += fy / spacing
        gradient[i, 2] += fx / spacing
