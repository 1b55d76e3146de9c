"""Steepest descent of the energy distance, plain or with momentum, without a step to tune.

With ``H(x) = int 1 / |x - y| dnu(y)``, the step ``1/H`` never increases the energy: ``A`` lies
below Weiszfeld's parabola of curvature H, and the repulsion, which is concave, below its tangent.
"""

import math
from dataclasses import dataclass

import numpy as np

from ..core.progress import Callback, Reporter
from ..core.solver import Limits
from ..core.status import Status
from .attraction import SPLINE_MARGIN, Attraction
from .kernels import interpolate
from .mesh import Mesh

_WINDOW, _REST = 20, 1e-4  # at rest: F falls by less than this share in so many steps


@dataclass(frozen=True)
class DotStep:
    """Progress of `stipple` and `sample`, with F (in pixels) and the quality as in `Dots`."""

    step: int
    num_steps: int
    discrepancy: float
    quality: float


class Functional:
    """The energy distance between ``count`` dots and a density, in units of its pixels."""

    def __init__(self, attraction: Attraction, count: int, num_threads: int) -> None:
        self.attraction, self._num_threads = attraction, num_threads
        self.low = np.full(2, -0.5)
        self.high = np.asarray(attraction.shape) - 0.5
        self._mesh = Mesh(tuple(self.low), tuple(self.high), count, attraction.square)

    def __call__(self, points: np.ndarray) -> tuple[float, np.ndarray]:
        """Return F at the points (N, 2) and N times its gradient (N, 2)."""
        n, at = len(points), self.attraction
        value, slope = np.empty(n), np.empty((n, 2))

        def attract(begin: int, end: int) -> None:
            interpolate(points, SPLINE_MARGIN, at.coefficients, begin, end, value, slope)

        pairs, repulsion = self._mesh.sums(points, self._num_threads, attract)
        # The terms cancel to 1e-7, so each point's difference is formed before the sum.
        energy = float((value - pairs / (2 * n) - at.constant).mean())
        return energy, slope - repulsion / n

    def step(self, points: np.ndarray, gradient: np.ndarray) -> np.ndarray:
        """Return the points after a step ``1/H``, moved back into the image."""
        pixels = np.clip(np.rint(points), 0, np.subtract(self.attraction.shape, 1))
        curvature = self.attraction.curvature[tuple(pixels.astype(np.int64).T)]
        return self.inside(points - gradient / curvature[:, None])

    def inside(self, points: np.ndarray) -> np.ndarray:
        """Return the nearest points in the image."""
        return np.clip(points, self.low, self.high)


def descend(
    functional: Functional,
    points: np.ndarray,
    own: Limits,
    scale: float = 1.0,
    on_step: Callback | None = None,
) -> tuple[np.ndarray, float, int, Status]:
    """Minimise by Nesterov's method with restarts; return points, F, steps taken and status."""
    report, ideal = Reporter(on_step), functional.attraction.hexagonal(len(points))
    history: list[float] = []
    last, t = points, 1.0
    for step in range(1, own.max_num_iter + 1):
        energy, gradient = functional(points)
        history.append(energy)
        quality = energy / ideal
        stop = report(DotStep(step, own.max_num_iter, energy / scale, quality))
        if quality <= 1 + own.tol:
            return points, energy, step, Status.CONVERGED
        if len(history) > _WINDOW and history[-1 - _WINDOW] - energy < _REST * abs(energy):
            return points, energy, step, Status.STATIONARY
        if stop:
            return points, energy, step, Status.STOPPED
        if step == own.max_num_iter:
            break
        new = functional.step(points, gradient)
        if float((gradient * (new - last)).sum()) > 0:
            t = 1.0
        following = (1 + math.sqrt(1 + 4 * t * t)) / 2
        points, last = functional.inside(new + (t - 1) / following * (new - last)), new
        t = following
    return points, energy, own.max_num_iter, Status.MAX_ITERATIONS
