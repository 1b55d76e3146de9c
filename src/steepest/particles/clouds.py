"""The flow of points towards other points: exact on a line, by steps in the plane and above.

A step minimises an upper bound of ``F + |x - x_old|^2 / (2 tau)``: a tangent for the repulsion,
and Weiszfeld's parabola of curvature H for the attraction. It is ``x - tau v / (1 + tau H)``, of
first order in tau, and F never grows for any tau. A target point at the same place as a point
holds it with its mass: v is shortened by it.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ..core.arrays import as_array, check_field, check_magnitude
from ..core.errors import InputError
from ..core.namespace import detached
from ..core.numbers import check_count, check_number, check_numbers
from ..core.progress import Callback, Reporter
from ..core.rng import Rng, generator
from ..core.threads import resolve_num_threads, share_out
from .charges import ChargeMesh, mesh_for
from .kernels import direct
from .line import flow_on_line
from .slices import directions, slice_sums, slicing_constant

_STEPS = 100  # between successive times, unless the caller says otherwise
_MOST_STEPS = 1_000_000  # that smoothing may ask for
_LAST = 1e100  # the largest time, as of coordinates
_BATCH = 512  # points summed together
_BLOCK = 512  # points that they are summed with


@dataclass(frozen=True, eq=False)
class PointFlow:
    """Points at several times.

    Attributes
    ----------
    times : float64 array (T,)
        The times asked for; if ``on_step`` has ended the flow, the last one is when.
    points : float64 array (T, N) or (T, N, d)
        On a line in increasing order, otherwise in the order in which they were given.
    discrepancy : float64 array (T,)
        Energy distance F to the target; with smoothing, its smoothed form.
    error_bound : float64 array (T,)
        Bound on the distance W2 (root of the mean squared distance of matched points) to the exact
        flow of the N points. Infinite where none is known: if the flow was computed in steps.
    """

    times: np.ndarray
    points: np.ndarray
    discrepancy: np.ndarray
    error_bound: np.ndarray


def flow(
    points: Any,
    target: Any,
    times: Any,
    *,
    smoothing: float = 0.0,
    weights: Any = None,
    num_steps: int | None = None,
    num_directions: int | None = None,
    rng: Rng = 0,
    num_threads: int | None = None,
    on_step: Callback | None = None,
) -> PointFlow:
    """Move points along the gradient flow of the energy distance to a target.

    ``dx_i/dt = -N grad_i F`` with
    ``F = mean |x_i - y_j| - 1/2 mean |x_i - x_k| - 1/2 mean |y_j - y_l|``.

    On a line, without smoothing, the flow is exact by default, and equal points are separated as
    the steepest descent of measures demands: an atom spreads at once. The speed of each point is
    constant between target points, which takes up to O(N M) operations. Otherwise it is computed in
    first-order steps that never increase F, and equal points stay together: start from points that
    differ.

    Parameters
    ----------
    points : array (N,) or (N, d)
        Points at time 0, of mass 1/N each.
    target : array (M,) or (M, d)
        Points of the target.
    times : float or increasing array (T,)
        Times from 0 to 1e100.
    smoothing : float
        Width e > 0 within which the distance is smoothed, so that F ignores finer details and has
        a Lipschitz gradient: on a line ``|s|`` becomes ``s^2 / (2 e) + e / 2`` for ``|s| < e``,
        and above its mean over the directions, times the slicing constant (docs/particles).
    weights : array (M,), optional
        Masses of the target points, not negative (default: all equal). Only ratios matter.
    num_steps : int, optional
        Number of steps between successive times (default 100). On a line without smoothing, the
        flow is then computed in steps of O((N + M) log (N + M)), too, and points at rest jitter by
        the length of a step.
    num_directions : int, optional
        Sum the distances above one dimension by slicing, along this number of random directions, in
        O((N + M) log (N + M)) for each. F is that of these directions. It cannot grow if
        ``smoothing`` is positive; otherwise points at rest jitter by the length of a step. By
        default all pairs are summed, above three dimensions only without smoothing.
    rng : int, numpy.random.Generator or None
        Draws the directions.
    num_threads : int, optional
        As in `steepest.Solver`.
    on_step : callable, optional
        Called with a `Progress` after each step; its residual is the root of the mean squared
        movement of the points. If it returns True, the flow ends with the points at that time.

    Raises
    ------
    InputError
        If an argument is not finite, of the wrong shape or out of range, or if ``smoothing`` is so
        small that the flow would take more than a million steps.

    References
    ----------
    Hertrich, Gräf, Beinert & Steidl, *Wasserstein steepest descent flows of discrepancies with
    Riesz kernels*, J. Mathematical Analysis and Applications 531 (2024) 127829 (the flow on
    quantile functions). Hertrich, Wald, Altekrüger & Hagemann, *Generative sliced MMD flows with
    Riesz kernels*, ICLR 2024 (slicing).
    """
    start, place = _points(points, "points"), _points(target, "target")
    if start.shape[1:] != place.shape[1:]:
        raise InputError(f"target has shape {place.shape}; points have shape {start.shape}")
    moments = np.atleast_1d(check_numbers(times, "times"))
    ordered = moments.ndim == 1 and moments.size > 0 and (np.diff(moments) > 0).all()
    if not ordered or not 0 <= moments[0] <= moments[-1] <= _LAST:
        raise InputError(f"times={times!r}; allowed are increasing numbers from 0 to {_LAST:g}")
    steps = None if num_steps is None else check_count(num_steps, "num_steps")
    width = check_number(smoothing, "smoothing")
    mass = np.ones(len(place)) if weights is None else check_numbers(weights, "weights")
    if mass.shape != place.shape[:1] or (mass < 0).any() or not mass.any():
        raise InputError(
            f"weights of shape {mass.shape}; allowed are {len(place)} numbers from 0, not all 0"
        )
    count = None if num_directions is None else check_count(num_directions, "num_directions")
    random, threads, report = generator(rng), resolve_num_threads(num_threads), Reporter(on_step)
    if start.ndim == 1:
        start, order = np.sort(start), np.argsort(place, kind="stable")
        if width == 0 and steps is None:
            return PointFlow(*flow_on_line(start, place[order], mass[order], moments))
    cloud, goals = (each.reshape(len(each), -1) for each in (start, place))
    dimension = cloud.shape[1]
    axes = None
    if dimension == 1:
        axes = np.ones((1, 1))  # slicing is exact on a line
    elif count is not None:
        axes = directions(dimension, count, random)
    elif width > 0 and dimension > 3:
        raise InputError(
            f"num_directions is needed for smoothing={smoothing!r} in {dimension} dimensions"
        )
    sums = Sums(goals, mass / mass.sum(), width, axes, threads)
    if moments[-1] * sums.bend > _MOST_STEPS:
        raise InputError(
            f"smoothing={smoothing!r} takes about {moments[-1] * sums.bend:.1g} steps for times up "
            f"to {moments[-1]:g}; allowed are {_MOST_STEPS:,} (smooth more, or end earlier)"
        )
    gaps, steps = np.diff(moments, prepend=0.0), steps or _STEPS
    counts = [steps * max(math.ceil(gap / steps * sums.bend), 1) if gap else 0 for gap in gaps]

    def step(tau: float) -> np.ndarray:
        nonlocal cloud
        before, cloud = cloud, sums.step(cloud, tau)
        return cloud - before

    reached = [(t, cloud.reshape(start.shape)) for t in _march(moments, counts, step, report)]
    ends, result = (np.array(each) for each in zip(*reached, strict=True))
    energies = np.array([sums(each.reshape(cloud.shape))[0] for each in result])
    if start.ndim == 1:
        result.sort(axis=1)
    return PointFlow(ends, result, energies, np.where(ends > 0, np.inf, 0.0))


def _march(
    times: np.ndarray, counts: list[int], step: Callable[[float], np.ndarray], report: Reporter
) -> Iterator[float]:
    """Take equal steps between the times; yield when they are reached, or the flow is ended."""
    now, total = 0.0, sum(counts)
    for moment, count in zip(times, counts, strict=True):
        for left in range(count, 0, -1):
            tau = (moment - now) / left
            if tau <= 0:
                continue
            moved, now = step(tau), now + tau
            if report.listens:
                report.residual((moved**2).sum() ** 0.5 / len(moved) ** 0.5, total)
            if report.stopped:
                yield now
                return
        now = moment
        yield now


def _points(values: Any, name: str) -> np.ndarray:
    array = np.asarray(detached(as_array(values, name)))
    if array.dtype.kind not in "iuf" or array.dtype.itemsize > 8:
        raise InputError(f"{name} has dtype {array.dtype}; allowed are integers and floats")
    if array.ndim not in (1, 2) or array.size == 0:
        raise InputError(f"{name} has shape {array.shape}; allowed are (n,) and (n, d)")
    array = check_field(array.astype(np.float64), name)
    check_magnitude(array, name)
    return array


class Sums:
    """The energy distance to points with masses: exact, by a mesh (1e-9), or along axes."""

    def __init__(
        self,
        target: np.ndarray,
        mass: np.ndarray,
        smoothing: float,
        axes: np.ndarray | None,
        num_threads: int,
    ) -> None:
        self._target, self._mass, self._smoothing = target, mass, smoothing
        self._axes, self._num_threads = axes, num_threads
        self.bend = 0.0
        if axes is not None and smoothing > 0:
            # A bound on the second derivatives: steps up to 1 / bend lower F
            spread = np.linalg.norm(axes.T @ axes, 2) / len(axes)
            self.bend = slicing_constant(target.shape[1]) * float(spread) / smoothing

    def __call__(self, points: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        """Return F, N times its gradient, and, unless summed by pairs, M times the target's."""
        n = len(points)
        places = np.concatenate([points, self._target])
        charges = np.concatenate([np.full(n, -1 / n), self._mass])
        if self._axes is not None:
            energy, slope = slice_sums(
                places, charges, self._axes, self._smoothing, self._num_threads
            )
        elif mesh := self._mesh(places):
            value, slope, *_ = mesh.sums(places, charges, None, self._num_threads)
            energy = -0.5 * float(charges @ value)
        else:
            near, far, slope, *_ = self._pairs(points)
            energy = float((near - far / 2 - self._constant).mean())
        return energy, slope[:n], -slope[n:]

    def step(self, points: np.ndarray, tau: float) -> np.ndarray:
        """Return the points after a step of length tau."""
        n = len(points)
        bend = tied = np.zeros(n)
        if self._axes is not None:
            slope = self(points)[1]
        elif mesh := self._mesh(places := np.concatenate([points, self._target])):
            charges = np.concatenate([np.full(n, -1 / n), self._mass])
            masses = np.concatenate([np.zeros(n), self._mass])
            sums = mesh.sums(places, charges, masses, self._num_threads)
            slope, bend, tied = (each[:n] for each in sums[1:])
        else:
            *_, slope, bend, tied = self._pairs(points)
        size = np.linalg.norm(slope, axis=1)
        free = np.maximum(size - tied, 0) / np.maximum(size, 1e-300)
        return points - (tau * free / (1 + tau * bend))[:, None] * slope

    def _mesh(self, places: np.ndarray) -> ChargeMesh | None:
        return None if self._smoothing > 0 else mesh_for(places)

    @cached_property
    def _constant(self) -> float:
        return 0.5 * float(self._mass @ self._pairs(self._target)[0])

    def _pairs(self, points: np.ndarray) -> tuple[np.ndarray, ...]:
        n = len(points)
        own, goals = _blocks(points, np.full(n, 1 / n)), _blocks(self._target, self._mass)
        near, far, bend, tied = (np.empty(n) for _ in range(4))
        slope = np.empty(points.shape)

        def batch(begin: int) -> None:
            end = min(begin + _BATCH, n)
            given = points, own, goals, self._smoothing
            direct(*given, begin, end, near, far, slope, bend, tied)

        share_out(lambda: batch, range(0, n, _BATCH), self._num_threads)
        return near, far, slope, bend, tied


def _blocks(points: np.ndarray, mass: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return points (B, d, n) and masses (B, n); to fill the last block, points without mass."""
    count = -(-len(points) // _BLOCK)
    rows = np.arange(count * _BLOCK).reshape(count, _BLOCK)
    places = points[np.minimum(rows, len(points) - 1)].transpose(0, 2, 1)
    return np.ascontiguousarray(places), np.pad(mass, (0, rows.size - len(mass))).reshape(
        rows.shape
    )
