"""Infinity-harmonic inpainting: the surface with the smallest slopes through the known pixels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from steepest.core.numbers import check_count
from steepest.core.progress import Reporter
from steepest.core.solver import Limits
from steepest.elliptic.watching import Iteration, iterate_all
from steepest.grid.coarsening import average
from steepest.inpainting.method import Filled, Method, normalise
from steepest.inpainting.problem import Problem
from steepest.inpainting.tiles.blocks import interpolated

from .midrange import sweep

_RELAXATION = 1.6  # 1 took 2 to 4 times as many sweeps
_WIDE, _CAREFUL = 4, 1.3  # from this radius on, 1.6 is too much: with radius 5, it went in circles
_PATIENCE, _PROGRESS = 50, 0.9  # if the residual falls by less in so many sweeps, relax less
_QUIET = 0.25  # pixels that ask for less than this share of the tolerance sleep
_SMALLEST = 64  # number of pixels of the coarsest grid
_FARTHEST = 8  # largest radius: 176 neighbours in a plane


@dataclass(frozen=True)
class InfinityHarmonic(Method):
    """The surface with the smallest slopes, as ``method=`` of `inpaint`.

    Approximates the absolutely minimal Lipschitz extension of the known values: in every part of
    the image, the steepest slope is as small as the values around that part allow. It solves
    ``Delta_infinity u = grad u^T (Hessian u) grad u = 0`` at unknown pixels. The equation that is
    solved on the grid says that the steepest way up and the steepest way down are equally steep::

        max over k of (u_k - u) / d_k  +  min over k of (u_k - u) / d_k  =  0,

    where k runs over the neighbours up to ``radius`` pixels away and d_k is the distance to them.
    Its solution is unique, every value lies between two of its neighbours, and an isolated known
    pixel becomes the tip of a cone, where homogeneous diffusion has a spike. Channels are filled
    separately.

    Parameters
    ----------
    radius : int
        How many pixels away along each axis the neighbours are, from 1 to 8. More neighbours
        resolve more directions and cost more time. Best are 1 or 2 between pixels of sparse data a
        few pixels apart, 3 or 4 for holes of a hundred pixels (README.md).

    Notes
    -----
    The residual is the largest distance, over all unknown pixels, between a pixel and the midrange
    that its neighbours ask for, as a fraction of the range of the known values. ``tol`` is 1e-4 by
    default. Iterations are sweeps over the finest grid, at most 5000 by default; 30 to 100 are
    usual if holes are a few pixels wide, and several hundred if they are hundreds of pixels wide.
    The filled values lie in the range of the known values of their channel, whatever the residual.

    The scheme is Oberman's, by over-relaxed sweeps from a guess on coarser grids. Closer to the
    image border than ``radius``, a smaller radius is used, so that neighbours stay symmetric and
    linear images are reproduced if the border is known.

    References
    ----------
    Oberman, *A convergent difference scheme for the infinity Laplacian*, Math. Comp. 74 (2005).
    Aronsson, Crandall & Juutinen, *A tour of the theory of absolutely minimizing functions*, Bull.
    AMS 41 (2004). Elmoataz, Toutain & Tenbrinck, SIAM J. Imaging Sciences 8 (2015).
    """

    radius: int = 2

    tol, max_num_iter = 1e-4, 5000
    takes = frozenset({"spacing"})

    def __post_init__(self) -> None:
        self._set(radius=check_count(self.radius, "radius", most=_FARTHEST))

    def fill(self, problem: Problem, limits: Limits, reporter: Reporter) -> Filled:
        """Solve the equation."""
        normal = normalise(problem)
        grids = _grids(normal.known, normal.spacing, self.radius)

        def channel(values: np.ndarray) -> Iteration:
            guess = _guess(values, grids, limits)
            return grids[0].iterate(guess, limits.tol, limits.max_num_iter)

        found = iterate_all(lambda: channel, normal.values, limits.threads, reporter.watch)
        images, residuals, sweeps = zip(*found, strict=True)
        return normal.restore(np.stack(images), max(residuals), max(sweeps))


def directions(radius: int, ndim: int) -> np.ndarray:
    """Return the steps to the nearest pixel in each direction, (n, ndim), the shortest first."""
    steps = [v for v in product(range(-radius, radius + 1), repeat=ndim) if math.gcd(*v) == 1]
    return np.array(sorted(steps, key=lambda v: (max(map(abs, v)), v)))


@dataclass(eq=False)
class Grid:
    """Which pixels (\\*grid) are unknown, and their neighbours."""

    known: np.ndarray
    spacing: Sequence[float]
    radius: int

    def __post_init__(self) -> None:
        shape, radius = self.known.shape, self.radius
        axes = [axis for axis, n in enumerate(shape) if n > 1]
        around = directions(radius, len(axes)) if axes else np.zeros((1, 0), int)
        steps = np.zeros((len(around), len(shape)), int)
        steps[:, axes] = around
        self._padded = tuple(n + 2 * radius for n in shape)
        self._inner = tuple(slice(radius, radius + n) for n in shape)
        places = np.nonzero(~self.known)
        unknown = np.ravel_multi_index(tuple(p + radius for p in places), self._padded)
        inside = np.zeros(self._padded, bool)
        inside[self._inner] = True
        margin = np.full(len(unknown), radius)  # pixels between an unknown pixel and the border
        for axis in axes:
            np.minimum(margin, np.minimum(places[axis], shape[axis] - 1 - places[axis]), out=margin)
        number = np.array([(np.abs(steps).max(1) <= r).sum() for r in range(radius + 1)])
        counts = np.where(margin > 0, number[margin], -len(steps))
        strides = np.cumprod((1, *self._padded[:0:-1]))[::-1]
        distances = np.sqrt(((steps * np.array(self.spacing)) ** 2).sum(1))
        self._arrays = unknown, counts, steps @ strides, distances, inside.ravel()

    def iterate(self, u: np.ndarray, tol: float, most: int, rough: bool = False) -> Iteration:
        """Sweep (\\*grid) until no pixel asks for a change above ``tol``.

        Returns the image, its residual and the number of sweeps. If ``rough``, only the pixels
        visited last are asked.
        """
        values = np.zeros(self._padded)
        values[self._inner] = u
        flat, given = values.reshape(-1), u[self.known]
        low, high = given.min(), given.max()
        awake = np.ones(len(flat), bool)

        def visit(relaxation: float, back: bool = False) -> float:
            return float(
                sweep(flat, *self._arrays, low, high, awake, relaxation, _QUIET * tol, back)
            )

        # Without over-relaxation, sweeps always converge.
        relaxation = _RELAXATION if self.radius < _WIDE else _CAREFUL
        residual, done, stopped = visit(0.0), 0, False
        before, highest = np.inf, 0.0
        while residual > tol and done < most and not stopped:
            if done % _PATIENCE == 0:
                if done > 0 and highest > _PROGRESS * before:
                    relaxation = (1 + relaxation) / 2
                before, highest = highest if done > 0 else np.inf, 0.0
            residual = visit(relaxation, bool(done % 2))
            highest = max(highest, residual)
            done += 1
            stopped = bool((yield residual))
            if not rough and (residual <= tol or stopped or done == most):
                awake[:] = True
                residual = visit(0.0)
        return values[self._inner], residual, done


def _grids(known: np.ndarray, spacing: Sequence[float], radius: int) -> list[Grid]:
    """Return the grid and coarser ones, on which a pixel is known if one of its pixels is."""
    grids = [Grid(known, spacing, radius)]
    while known.size > _SMALLEST and not known.all():
        spacing = [h * 2 if n > 1 else h for h, n in zip(spacing, known.shape, strict=True)]
        known = average(known[None].astype(float))[0] > 0
        grids.append(Grid(known, spacing, radius))
    return grids


def _guess(values: np.ndarray, grids: Sequence[Grid], limits: Limits) -> np.ndarray:
    """Return (\\*grid): the known values and, elsewhere, the solution on a coarser grid."""
    known = grids[0].known
    if len(grids) == 1:
        return np.where(known, values, values[known].mean())
    share = average(known[None].astype(float))
    held = grids[1].known
    coarse = average((values * known)[None]) / np.where(held, share, 1)
    first = _guess(coarse[0], grids[1:], limits)

    def coarse_solution(u: np.ndarray) -> Iteration:
        return grids[1].iterate(u, limits.tol, limits.max_num_iter, rough=True)

    solution, _, _ = iterate_all(lambda: coarse_solution, [first], 1, None)[0]
    whole = tuple(slice(0, n) for n in known.shape)
    return np.where(known, values, interpolated(solution[None], whole, 1)[0])
