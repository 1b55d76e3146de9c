"""Infinity-harmonic inpainting: the surface with the smallest slopes through the known pixels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from ..core.numbers import check_count
from ..core.progress import Callback, Reporter
from ..grid.coarsening import average
from .checks import check_iteration
from .midrange import sweep
from .normalised import masked
from .result import InpaintResult

_RELAXATION = 1.6  # 1 took 2 to 4 times as many sweeps
_WIDE, _CAREFUL = 4, 1.3  # from this reach on, 1.6 is too much: with reach 5, it went in circles
_PATIENCE, _PROGRESS = 50, 0.9  # if the residual falls by less in so many sweeps, relax less
_QUIET = 0.25  # pixels that ask for less than this share of the tolerance sleep
_SMALLEST = 64  # number of pixels of the coarsest grid
_FARTHEST = 8  # largest reach: 176 neighbours in a plane


def infinity_harmonic(
    image: Any,
    known: Any = None,
    *,
    unknown: Any = None,
    channel_axis: int | None = None,
    spacing: float | Sequence[float] | None = None,
    reach: int = 2,
    tol: float = 1e-4,
    max_num_iter: int = 5000,
    on_step: Callback | None = None,
    num_threads: int | None = None,
    raise_on_failure: bool = False,
) -> InpaintResult:
    """Fill in the unknown pixels by the surface with the smallest slopes.

    Approximates the absolutely minimal Lipschitz extension of the known values: in every part of
    the image, the steepest slope is as small as the values around that part allow. It solves
    ``Delta_infinity u = grad u^T (Hessian u) grad u = 0`` at unknown pixels. The equation that is
    solved on the grid says that the steepest way up and the steepest way down are equally steep::

        max over k of (u_k - u) / d_k  +  min over k of (u_k - u) / d_k  =  0,

    where k runs over the neighbours up to ``reach`` pixels away and d_k is the distance to them.
    Its solution is unique, every value lies between two of its neighbours, and an isolated known
    pixel becomes the tip of a cone, where homogeneous diffusion has a spike. The channels of a
    colour image are vectors: the pixel is the centre c of the smallest ball in the sense that the
    largest ``|u_k - c| / d_k`` is smallest, which does not depend on the axes of the colour space.

    Parameters
    ----------
    image, known, unknown, channel_axis
        As in `inpaint`, but only NumPy arrays with one to three spatial axes, and no confidences.
        Known pixels are kept exactly.
    spacing : float or sequence, optional
        Pixel spacing, as one number or one number per spatial axis (default 1).
    reach : int
        How many pixels away along each axis the neighbours are, from 1 to 8: 8, 16, 32, 48 and 80
        neighbours in a plane for 1 to 5. More neighbours resolve more directions and cost more
        time. With a fixed reach, the error does not vanish on finer and finer grids; see Notes.
    tol : float
        Residual at which the iteration stops.
    max_num_iter : int
        Maximum number of sweeps over the image; 30 to 100 reach the default tolerance if holes are
        a few pixels wide, and several hundred if they are hundreds of pixels wide.
    on_step : callable, optional
        Called with a `Progress` after each sweep on the finest grid. If it returns True, the
        iteration stops and the latest image is returned.
    num_threads : int, optional
        As in the other methods. The sweeps run in one thread, whatever the number.
    raise_on_failure : bool
        Whether to raise `NotConverged` if the tolerance is not met.

    Returns
    -------
    InpaintResult
        ``residual`` is the largest distance, over all unknown pixels, between a pixel and the
        midrange that its neighbours ask for, as a fraction of the range of the known values. The
        filled values lie in the range of the known values of their channel, whatever the residual.
        ``iterations`` is the number of sweeps on the finest grid.

    Raises
    ------
    InputError
        If the image, the mask or an option is invalid, or the image is a torch tensor.
    NotConverged
        If the tolerance is not met and ``raise_on_failure`` is True.

    Notes
    -----
    The scheme is Oberman's: with one channel, the new value is ``(d_b u_a + d_a u_b) / (d_a +
    d_b)`` for the two neighbours with the steepest slope ``|u_a - u_b| / (d_a + d_b)`` between
    them. The image is swept with over-relaxation, back and forth, skipping the pixels around which
    nothing changes. The first guess comes from coarser grids. Neighbours are the pixels in all
    directions that differ; closer to the image border than ``reach``, a smaller reach is used, so
    that the neighbours stay symmetric. Linear images are therefore reproduced if the border is
    known. With several channels and very unequal spacing, the sweeps may fail to converge (about 1
    of 400 random problems with ratios of up to 100; none with equal spacing).

    The error has two parts: the angle between the directions, which shrinks as ``reach`` grows,
    and the distance to the neighbours, which grows with ``reach * spacing``. For Aronsson's
    function ``|x|^(4/3) - |y|^(4/3)`` on ``[-1, 1]^2``, known at the border, the largest error was
    0.0062 with reach 2 and 0.0021 with reach 3 on 65 x 65 pixels, and 0.0017 with reach 4 on 129 x
    129. Between pixels of sparse data a few pixels apart, reach 1 or 2 is enough.

    References
    ----------
    Oberman, *A convergent difference scheme for the infinity Laplacian*, Math. Comp. 74 (2005).
    Aronsson, Crandall & Juutinen, *A tour of the theory of absolutely minimizing functions*, Bull.
    AMS 41 (2004). Elmoataz, Toutain & Tenbrinck, SIAM J. Imaging Sciences 8 (2015), and Laus,
    Bernacki, Nikolova & Steidl (vectors).
    """
    reach = check_count(reach, "reach", most=_FARTHEST)
    run = check_iteration(tol, max_num_iter, on_step, num_threads, raise_on_failure)
    problem = masked(image, known, unknown, channel_axis, run, spacing=spacing)
    grid = Grid(problem.known, problem.spacing, reach)
    u = _guess(problem.values, problem.known, problem.spacing, reach, run.tol, run.max_num_iter)
    return problem.result(*grid.iterate(u, run.tol, run.max_num_iter, run.tell))


def directions(reach: int, ndim: int) -> np.ndarray:
    """Return the steps to the nearest pixel in each direction, (n, ndim), the shortest first."""
    steps = [v for v in product(range(-reach, reach + 1), repeat=ndim) if math.gcd(*v) == 1]
    return np.array(sorted(steps, key=lambda v: (max(map(abs, v)), v)))


@dataclass(eq=False)
class Grid:
    """Which pixels are unknown, and their neighbours."""

    known: np.ndarray
    spacing: Sequence[float]
    reach: int

    def __post_init__(self) -> None:
        shape, reach = self.known.shape, self.reach
        axes = [axis for axis, n in enumerate(shape) if n > 1]
        around = directions(reach, len(axes)) if axes else np.zeros((1, 0), int)
        steps = np.zeros((len(around), len(shape)), int)
        steps[:, axes] = around
        self._padded = tuple(n + 2 * reach for n in shape)
        self._inner = tuple(slice(reach, reach + n) for n in shape)
        places = np.nonzero(~self.known)
        unknown = np.ravel_multi_index(tuple(p + reach for p in places), self._padded)
        inside = np.zeros(self._padded, bool)
        inside[self._inner] = True
        room = np.full(len(unknown), reach)  # pixels between an unknown pixel and the border
        for axis in axes:
            np.minimum(room, np.minimum(places[axis], shape[axis] - 1 - places[axis]), out=room)
        number = np.array([(np.abs(steps).max(1) <= r).sum() for r in range(reach + 1)])
        counts = np.where(room > 0, number[room], -len(steps))
        strides = np.cumprod((1, *self._padded[:0:-1]))[::-1]
        distances = np.sqrt(((steps * np.array(self.spacing)) ** 2).sum(1))
        self._arrays = unknown, counts, steps @ strides, distances, inside.ravel()

    def iterate(
        self, u: np.ndarray, tol: float, most: int, tell: Reporter | None = None
    ) -> tuple[np.ndarray, float, int]:
        """Sweep (C, \\*grid) until no pixel asks for a change above ``tol``.

        Returns the image, its residual and the number of sweeps. Without ``tell``, for a first
        guess, the residual is that of the pixels visited last.
        """
        values = np.zeros((*self._padded, len(u)))
        values[self._inner] = np.moveaxis(u, 0, -1)
        flat = values.reshape(-1, len(u))
        given = u[:, self.known]
        bounds = np.stack([given.min(1), given.max(1)])
        awake = np.ones(len(flat), bool)

        def swept(relaxation: float, back: bool = False) -> float:
            return float(sweep(flat, *self._arrays, bounds, awake, relaxation, _QUIET * tol, back))

        # Without over-relaxation, sweeps always converge. Vectors need more sweeps with it.
        relaxation = _RELAXATION if self.reach < _WIDE else _CAREFUL
        relaxation = relaxation if len(u) == 1 else 1.0
        residual, done = swept(0.0), 0
        before, highest = np.inf, 0.0
        while residual > tol and done < most:
            if done % _PATIENCE == 0:
                if done > 0 and highest > _PROGRESS * before:
                    relaxation = (1 + relaxation) / 2
                before, highest = highest if done > 0 else np.inf, 0.0
            residual = swept(relaxation, bool(done % 2))
            highest = max(highest, residual)
            done += 1
            stopped = tell is not None and tell.residual(residual)
            if tell is not None and (residual <= tol or stopped or done == most):
                awake[:] = True
                residual = swept(0.0)
            if stopped:
                break
        return np.moveaxis(values[self._inner], -1, 0), residual, done


def _guess(
    values: np.ndarray,
    known: np.ndarray,
    spacing: Sequence[float],
    reach: int,
    tol: float,
    most: int,
) -> np.ndarray:
    """Return (C, \\*grid): the known values and, elsewhere, the solution on a coarser grid."""
    if known.size <= _SMALLEST or known.all():
        mean = values[:, known].mean(1).reshape(-1, *(1,) * known.ndim)
        return np.where(known, values, mean)
    share = average(known[None].astype(float))
    held = share[0] > 0
    coarse = average(values * known) / np.where(held, share, 1)
    pitch = [h * 2 if n > 1 else h for h, n in zip(spacing, known.shape, strict=True)]
    first = _guess(coarse, held, pitch, reach, tol, most)
    solved, _, _ = Grid(held, pitch, reach).iterate(first, tol, most)
    return np.where(known, values, _refined(solved, known.shape))


def _refined(u: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    """Interpolate (C, \\*coarse) linearly to pixels of half the size, (C, \\*shape)."""
    for axis, n in enumerate(shape, 1):
        if n > 1:
            last = u.shape[axis] - 1
            place = np.clip((np.arange(n) - 0.5) / 2, 0, last)
            below = place.astype(int)
            share = (place - below).reshape(-1, *(1,) * (u.ndim - 1 - axis))
            above = np.take(u, np.minimum(below + 1, last), axis)
            u = (1 - share) * np.take(u, below, axis) + share * above
    return u
