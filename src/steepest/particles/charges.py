"""Sums of charges times distances between N points in the plane or in space, in O(N log N).

The distance is split into ``f(r)``, which is smooth, and a rest within ``reach``. ``f'' = 2 W``,
where W is the Kaiser-Bessel window of this width and mass 1: f is r from ``reach`` on, and hardly
any function of that width has less of high frequencies. f is convolved on a grid by Fourier
transforms, to which charges are spread and from which sums are gathered by the same window, 15
nodes wide; its derivative gives the gradient. The rest is summed pair by pair.

Each point sums its own pairs in a fixed order, so the result does not depend on the threads.

Barnett, Magland & af Klinteberg, *A parallel nonuniform fast Fourier transform library*, SIAM J.
Sci. Comput. 41 (2019) C479-C504, and Liang, Lu, Barnett, Greengard & Jiang, *Accelerating fast
Ewald summation with prolates* (2025), are about such windows.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.polynomial import Chebyshev, Polynomial
from scipy.fft import dctn, irfftn, next_fast_len, rfftn

from ..core.threads import share_out
from .kernels import near, sort_into_cells
from .window_kernels import TERMS, gather_sums, spread_charges

_OVERSAMPLING = 1.5  # nodes per half wave of the highest frequency that is kept
# Seconds of all pairs, of near pairs, and of nodes, which the mesh for given points balances
_DIRECT, _NEAR, _NODE = 1.2e-9, 3e-9, 60e-9
_MOST_NODES = 1 << 24


@dataclass(frozen=True)
class Window:
    """The Kaiser-Bessel window of ``sharpness`` beta, on so many nodes."""

    sharpness: float
    nodes: int

    @property
    def reach(self) -> float:
        """How far the rest of the distance reaches, in grid cells."""
        return self.sharpness * _OVERSAMPLING / math.pi

    def _shape(self) -> Chebyshev:
        beta = self.sharpness
        return Chebyshev.interpolate(lambda z: np.i0(beta * np.sqrt(1 - z * z)) / np.i0(beta), 80)

    def coefficients(self) -> np.ndarray:
        """Return a_k of ``W(z) / W(0) = sum a_k (1 - z^2)^k`` for |z| < 1."""
        return _powers(self._shape())

    def smooth(self) -> np.ndarray:
        """Return a_k of the smooth part ``f(u) = sum a_k (1 - u^2)^k`` for u < 1 = ``reach``."""
        slope = self._shape().integ(lbnd=0)
        return _powers((slope / slope(1)).integ(lbnd=1) + 1)

    def transform(self, frequency: np.ndarray) -> np.ndarray:
        """Return the Fourier transform at angular frequencies per node."""
        root = np.sqrt(self.sharpness**2 - (self.nodes / 2 * frequency) ** 2)
        return np.asarray(self.nodes * np.sinh(root) / root / np.i0(self.sharpness))


def _powers(even: Chebyshev) -> np.ndarray:
    """Return the coefficients of an even function in powers of ``1 - u^2``, without cancelling."""
    squares = 0.5 - 0.5 * np.cos(np.pi * (np.arange(64) + 0.5) / 64)  # Chebyshev's points
    fit = Chebyshev.fit(squares, even(np.sqrt(1 - squares)), TERMS - 1, domain=[0, 1])
    return np.asarray(fit.convert(kind=Polynomial).coef)


_WINDOW = Window(32.0, 15)  # sums and gradients to 1e-9 of the largest


class ChargeMesh:
    """Fast summation in the box from ``low`` to ``high``; by pairs within ``reach``."""

    def __init__(self, low: Sequence[float], high: Sequence[float], reach: float) -> None:
        extent, window = np.subtract(high, low), _WINDOW
        self._window, self._reach, self._spacing = window, reach, reach / window.reach
        margin = math.ceil(window.reach) + window.nodes
        sides = [math.ceil(side / self._spacing) + margin for side in extent]
        sides = [next_fast_len(side, real=True) for side in sides]
        self._cell = reach / 2
        # In the plane, the first of three axes has one node, one cell, and coordinates of 0.
        flat = 3 - len(sides)
        self._low = np.concatenate([np.zeros(flat), low])
        self._cells = (1,) * flat + tuple(int(side / self._cell) + 1 for side in extent)
        self._widths = (1,) * flat + (window.nodes,) * len(sides)
        self._shape = (1,) * flat + tuple(2 * side for side in sides)
        self._coefficients, c = window.coefficients(), window.smooth()
        half = TERMS // 2
        # Highest first, in two parts, each of which the compiler unrolls
        self._terms = tuple(c[: half - 1 : -1].tolist()), tuple(c[half - 1 :: -1].tolist())
        smooth = Polynomial(c)

        def distance(square: np.ndarray) -> np.ndarray:
            result, inside = np.sqrt(square), square < window.reach**2
            result[inside] = window.reach * smooth(1 - square[inside] / window.reach**2)
            return result

        def slope(square: np.ndarray) -> np.ndarray:
            result, inside = 1 / np.sqrt(np.maximum(square, 1)), square < window.reach**2
            rest = 1 - square[inside] / window.reach**2
            result[inside] = -2 / window.reach * smooth.deriv()(rest)
            return result

        # Where the periodic kernel wraps around, the coordinate is turned back smoothly by f, too.
        squares: np.ndarray | float = 0.0
        for side in sides:
            turned = side - distance((side - np.arange(side + 1.0)) ** 2)
            squares = np.add.outer(squares, turned**2)
        self._transfer = self._filter(distance(np.asarray(squares)), sides) * self._spacing
        self._curvature = lambda: self._filter(slope(np.asarray(squares)), sides) / self._spacing

    def _filter(self, kernel: np.ndarray, sides: list[int]) -> np.ndarray:
        """Return the transform of an even kernel over that of two windows, for `rfftn`."""
        result = dctn(kernel, type=1)
        for axis, side in enumerate(sides):
            m = np.arange(side + 1)
            kept = m <= side / _OVERSAMPLING
            response = self._window.transform(np.pi / side * m[kept]) ** 2
            scale = np.zeros(side + 1)
            scale[kept] = 1 / response
            shape = [-1 if k == axis else 1 for k in range(len(sides))]
            result *= scale.reshape(shape)
        for axis, side in enumerate(sides[:-1]):
            both = np.concatenate([np.arange(side + 1), np.arange(side - 1, 0, -1)])
            result = np.take(result, both, axis)
        return result.reshape(*self._shape[:-1], -1)

    def sums(
        self,
        points: np.ndarray,
        charges: np.ndarray,
        masses: np.ndarray | None = None,
        num_threads: int = 1,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Return sums for each x_i, with ``r_ij = |x_i - x_j|``, charges q_j and masses w_j.

        They are ``sum q_j r_ij`` (N,), its gradient (N, d), and, if there are masses, ``sum w_j /
        r_ij`` of the others and the masses at the same place.
        """
        n, dimension = points.shape
        places = np.zeros((n, 3))
        places[:, 3 - dimension :] = points
        weights = np.zeros(n) if masses is None else masses
        order, first = sort_into_cells(places, self._low, self._cell, self._cells)
        columns = np.ascontiguousarray(places[order].T)
        cells = self._cells, self._low, self._reach, self._cell, self._terms
        value, bend, tied = np.empty(n), np.empty(n), np.empty(n)
        slope = np.empty((n, 3))
        count = max(num_threads - 1, 1)
        bounds = [n * k // count for k in range(count + 1)]
        ranges = list(zip(bounds[:-1], bounds[1:], strict=True))

        def far(part: tuple[int, int] | None) -> list[np.ndarray]:
            if part is not None:
                sorted_charges = columns, charges[order], weights[order]
                near(*sorted_charges, order, first, cells, *part, value, slope, bend, tied)
                return []
            grids = [self._field(places, charges, self._transfer)]
            return grids + (
                [] if masses is None else [self._field(places, masses, self._curvature())]
            )

        fields = share_out(lambda: far, [None, *ranges], num_threads)[0]

        def collect(part: tuple[int, int]) -> None:
            for grid, total in zip(fields, (value, bend), strict=False):
                into = slope if total is value else np.zeros((n, 3))
                gather_sums(places, *self._spreading(), grid, *part, total, into)

        share_out(lambda: collect, ranges, num_threads)
        return value, slope[:, 3 - dimension :], bend, tied

    def _spreading(self) -> tuple[object, ...]:
        return self._low, self._spacing, self._widths, self._coefficients

    def _field(self, places: np.ndarray, charges: np.ndarray, transfer: np.ndarray) -> np.ndarray:
        grid = np.zeros(self._shape)
        spread_charges(places, *self._spreading(), charges, grid)
        return np.asarray(irfftn(rfftn(grid) * transfer, self._shape))


def mesh_for(points: np.ndarray) -> ChargeMesh | None:
    """Return the mesh that sums these points fastest, or None if all pairs are faster."""
    n, dimension = points.shape
    low, extent = points.min(axis=0), np.ptp(points, axis=0)
    best, found = n * n * _DIRECT, None
    if dimension not in (2, 3) or not extent.all():
        return None
    some = points[:: max(n // 10_000, 1)]
    for step in range(1, 16):
        reach = float(extent.max()) * 0.5**step
        nodes = float(np.prod(2 * (extent / reach + 2) * _WINDOW.reach))
        if nodes > _MOST_NODES or nodes * _NODE > best:
            break
        cells = ((some - low) / reach).astype(np.int64)
        counts = np.bincount(np.ravel_multi_index(tuple(cells.T), tuple(cells.max(axis=0) + 1)))
        pairs = float((counts * (counts - 1)).sum()) * (n / len(some)) ** 2 * 2.5**dimension
        seconds = nodes * _NODE + pairs * _NEAR
        if seconds < best:
            best, found = seconds, reach
    return None if found is None else ChargeMesh(low, low + extent, found)
