"""The warps: a linearisation of the data term after the other, each solved by `variational`."""

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from ..core.progress import Progress, Reporter
from ..core.solver import Limits
from ..core.status import Status
from .variational import Problem
from .warping import Spline

_STEPS = (0.05, 0.015)  # of u and w; of 16 pairs, these needed the fewest iterations
_WARPS = 6
_LOOSE = 3.0  # times tol: the gap of all warps but the last
_STILL = 2e-3  # pixels: no further warp after one that changed less, at its 99th percentile
_RANGE = 8.0  # pixels: standard deviation of the windows of the normalisation
_HUBER = 1.345 * 1.4826  # width of the Huber function, times the median of |residual|
_FIRST_WIDTH = 0.02  # the width in the first warp, in normalised grey values
SMOOTHNESS = (1 / 3, 1 / 6)
_QUIET = 0.04  # the width up to which SMOOTHNESS is enough: noise of about 1.3 % of the range
SOFT = 0.7  # pixels: both images are smoothed by this if there is more noise
_QUIET_SOFT = 0.0135  # of smoothed images
SHARE = 0.41  # of the standard deviation of white noise, after smoothing


def _normalised(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The image with local mean 0 and local standard deviation 0.2, in windows of a mask."""
    mask = mask.astype(np.float64)
    share = np.maximum(ndimage.gaussian_filter(mask, _RANGE), 1e-6)

    def mean(values: np.ndarray) -> np.ndarray:
        return np.asarray(ndimage.gaussian_filter(values * mask, _RANGE) / share)

    apart = (image - mean(image)) * mask
    return np.asarray(0.2 * apart / np.sqrt(mean(apart * apart) + 1e-6))


class Search:
    """A pair of images, normalised locally, and its warps."""

    def __init__(
        self,
        first: np.ndarray,
        second: np.ndarray,
        weight: np.ndarray,
        radii: Sequence[float] | None,
        load_axis: int | None,
        limit: Limits,
    ) -> None:
        mask = weight > 0
        self.first, self.weight, self.limit = _normalised(first, mask), weight, limit
        self.second, self.soft = _normalised(second, mask), False
        self._interpolate()
        self.radii, self._given = SMOOTHNESS if radii is None else radii, radii is not None
        self.problem = Problem(first.shape, self.radii, _STEPS, load_axis, limit.threads)  # type: ignore[arg-type]
        self.grid = np.indices(first.shape)

    def _interpolate(self) -> None:
        self.spline = Spline(self.second, self.limit.threads)
        zero = np.zeros((2, *self.first.shape))
        self.slope = Spline(self.first, self.limit.threads).at(zero)[1:]

    def _soften(self) -> None:
        """Smooth both images: noise that is smaller between pixels draws u to halves of pixels."""
        self.first, self.second = (
            ndimage.gaussian_filter(image, SOFT) for image in (self.first, self.second)
        )
        self.soft = True
        self._interpolate()

    def linearised(self, u: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The mean gradient of both images, the residual, and the weight of the pixels."""
        there = self.spline.at(u)
        inside = np.ones(u.shape[1:], bool)
        for place, size in zip(self.grid + u, u.shape[1:], strict=True):
            inside &= (place >= 0) & (place <= size - 1)
        weight = self.weight * inside
        residual = (there[0] - self.first) * (weight > 0)
        return (self.slope + there[1:]) / 2, residual, weight

    def run(
        self, u: np.ndarray, w: np.ndarray, reporter: Reporter
    ) -> tuple[np.ndarray, np.ndarray, list[float], int, Status]:
        """u and w after the warps, their gaps, and the iterations."""
        problem, gaps, iterations = self.problem, list[float](), 0
        problem.set_fields(u, w)
        problem.delta = _FIRST_WIDTH
        done, aim = False, self.limit.tol
        for k in range(_WARPS):
            gradient, residual, weight = self.linearised(u)
            c = residual - (gradient * u).sum(0)
            problem.set_data(gradient, c, weight)
            last = done or k == _WARPS - 1
            aim = self.limit.tol if last else _LOOSE * self.limit.tol
            gap, count = problem.solve(aim, self.limit.max_num_iter)
            gaps.append(gap)
            iterations += count
            before, (u, w) = u, problem.fields()
            left = np.abs(c + (gradient * u).sum(0))[weight > 0]
            if reporter(Progress(0, 0, gap)) or last:
                break
            problem.delta = _HUBER * float(np.median(left)) if left.size else _FIRST_WIDTH
            noisy = k > 0 and not self.soft and problem.delta > _QUIET
            if noisy:
                self._soften()
                problem.delta *= SHARE
            if not self._given:  # as the width follows the noise, so must these
                factor = max(problem.delta / (_QUIET_SOFT if self.soft else _QUIET), 1.0)
                self.radii = (factor * SMOOTHNESS[0], factor * SMOOTHNESS[1])
                problem.set_radii(self.radii)
            done = not noisy and float(np.percentile(np.abs(u - before), 99)) < _STILL
        status = Status.CONVERGED if gaps[-1] <= aim else Status.MAX_ITERATIONS
        if reporter.stopped:
            status = Status.STOPPED
        return u, w, gaps, iterations, status
