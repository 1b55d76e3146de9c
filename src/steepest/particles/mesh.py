"""All distances between N points in the plane and their gradients, in O(N log N).

The distance is split into ``reach S(r / reach)``, which is smooth, and a rest within ``reach``.
S(u) is the Taylor series of ``sqrt(1 - s)`` in ``s = 1 - u^2`` to fifth order. The smooth part
is spread to a grid by quintic B-splines, convolved by Fourier transforms and gathered with the same
splines, so that its gradient is exact for the computed sum. The rest is summed pair by pair.

Each point sums its own pairs in a fixed order, so the result does not depend on the threads.
Points of different charge need the wider window of `ChargeMesh`, which takes three to four times as
long for equal ones.
"""

import math
from collections.abc import Callable

import numpy as np
from scipy.special import binom

from ..core.threads import share_out
from .fourier import QUINTIC, padded_length, transfer
from .kernels import gather, near, sort_into_cells, spread

_REACH = 7.0  # in grid cells; with 5, the largest error of a force was four times as large
_TERMS = 6
_PAIRS = 60.0  # near points per point; balances the pairs with the transforms
_MOST_NODES = 1 << 22


class Mesh:
    """Fast summation of distances between ``count`` points in the box from ``low`` to ``high``.

    ``square`` is ``int density^2``; times the count, it is the mean density around a point.
    """

    def __init__(
        self, low: tuple[float, ...], high: tuple[float, ...], count: int, square: float
    ) -> None:
        extent = np.subtract(high, low)
        spacing = math.sqrt(_PAIRS / (math.pi * count * square)) / _REACH
        spacing = max(
            spacing, math.sqrt(float(extent.prod()) / _MOST_NODES), float(extent.max()) / 1e4
        )
        spacing = min(spacing, float(extent.max()) / 8)
        self._low, self._spacing, self._reach = np.asarray(low, float), spacing, _REACH * spacing
        nodes = tuple(int(side / spacing) + 8 for side in extent)
        self._shape = padded_length(nodes[0]), padded_length(nodes[1])
        self._nodes = nodes
        self._cell = self._reach / 2
        self._cells = (1, *(int(side / self._cell) + 1 for side in extent))
        series = binom(0.5, np.arange(_TERMS)) * (-1.0) ** np.arange(_TERMS)
        self._terms = tuple(series[:2:-1].tolist()), tuple(series[2::-1].tolist())

        def smooth(y: np.ndarray, x: np.ndarray) -> np.ndarray:
            u = (y * y + x * x) / _REACH**2
            inner = np.polynomial.polynomial.polyval(1 - np.minimum(u, 1), series)
            return np.asarray(self._reach * np.where(u < 1, inner, np.sqrt(u)))

        self._transfer = transfer(self._shape, smooth, QUINTIC, 2)

    def sums(
        self,
        points: np.ndarray,
        num_threads: int = 1,
        also: Callable[[int, int], object] = lambda begin, end: None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return ``sum_j |x_i - x_j|`` (N,) and its gradient (N, 2), without the factor 2.

        ``also(begin, end)`` is called for ranges of points, with the threads of the near pairs.
        """
        n = len(points)
        far, rest = np.empty(n), np.empty(n)
        far_slope, rest_slope, unused = np.empty((n, 2)), np.empty((n, 3)), np.empty((2, n))
        places, low = np.zeros((n, 3)), np.concatenate([[0.0], self._low])
        places[:, 1:] = points
        order, first = sort_into_cells(places, low, self._cell, self._cells)
        columns, ones, zeros = np.ascontiguousarray(places[order].T), np.ones(n), np.zeros(n)
        cells = self._cells, low, self._reach, self._cell, self._terms

        def work(part: tuple[int, int] | None) -> None:
            if part is None:  # the smooth part
                self._far(points, far, far_slope)
            else:
                near(columns, ones, zeros, order, first, cells, *part, rest, rest_slope, *unused)
                also(*part)

        count = max(num_threads - 1, 1)
        bounds = [n * k // count for k in range(count + 1)]
        parts = [None, *zip(bounds[:-1], bounds[1:], strict=True)]
        share_out(lambda: work, parts, num_threads)
        return far + rest, far_slope + rest_slope[:, 1:]

    def _far(self, points: np.ndarray, value: np.ndarray, gradient: np.ndarray) -> None:
        nodes = np.zeros(self._nodes)
        spread(points, self._low, self._spacing, nodes)
        spectrum = np.fft.rfft2(nodes, self._shape)
        spectrum *= self._transfer
        field = np.fft.irfft2(spectrum, self._shape)
        gather(points, self._low, self._spacing, field, value, gradient)
