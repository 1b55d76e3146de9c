"""Displacement and strain between two images, by optical flow with total generalised variation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import ndimage

from ..core.arrays import check_spacing, check_weights, prepare_image
from ..core.errors import InputError
from ..core.numbers import check_choice, check_number, check_numbers
from ..core.progress import Callback, Progress, Reporter
from ..core.result import Result
from ..core.solver import Limits, Solver, limits
from ..core.status import Status, finished
from .blocks import block_shifts
from .strains import MEASURES
from .strains import strain as strain_of
from .uncertainty import deviations
from .variational import Problem
from .warping import Spline, check_displacement

SMOOTHNESS = (1 / 3, 1 / 6)
_STEPS = (0.05, 0.015)  # of u and w; of 16 pairs, these needed the fewest iterations
_WARPS = 6
_LOOSE = 3.0  # times tol: the gap of all warps but the last
_STILL = 2e-3  # pixels: no further warp after one that changed less, at its 99th percentile
_RANGE = 8.0  # pixels: standard deviation of the windows of the normalisation
_LARGE = 2.0  # pixels: larger shifts are guessed from blocks
_HUBER = 1.345 * 1.4826  # width of the Huber function, times the median of |residual|
_FIRST_WIDTH = 0.02  # the width in the first warp, in normalised grey values


@dataclass(frozen=True)
class Displacement(Result):
    """The displacement u between two images: ``reference(x) = moved(x + u(x))``.

    Attributes
    ----------
    displacement : (2, H, W) array
        u along the two axes, in pixels times ``spacing``.
    gradient : (2, 2, H, W) array
        The displacement gradient w of the model; ``gradient[c, d]`` is that of component c along
        axis d. At cracks, ``grad u - w`` is the part that is not smooth.
    strain : (2, 2, H, W) array
        The strain tensor, of ``gradient``.
    residual : (H, W) array
        ``moved(x + u) - reference``, both normalised locally to standard deviation 0.2: what the
        displacement does not explain. 0 where the weight is 0.
    displacement_std, strain_std : arrays
        Estimated standard deviations (see `displacement`), infinite where there is no texture.
    gaps : tuple of floats
        The relative duality gap of the convex problem of each warp. It says nothing about the
        linearisation.
    iterations : int
    spacing : two floats
    status : Status
    """

    displacement: np.ndarray
    gradient: np.ndarray
    strain: np.ndarray
    residual: np.ndarray
    displacement_std: np.ndarray
    strain_std: np.ndarray
    gaps: tuple[float, ...]
    iterations: int
    spacing: tuple[float, ...]
    status: Status


def displacement(
    reference: Any,
    moved: Any,
    *,
    smoothness: tuple[float, float] = SMOOTHNESS,
    measure: str = "infinitesimal",
    max_shift: float = 2.0,
    weights: Any = None,
    spacing: float | Sequence[float] | None = None,
    load_axis: int | None = None,
    start: Any = None,
    solver: Solver | None = None,
    on_step: Callback | None = None,
) -> Displacement:
    """Return the displacement u and the strain between two images of the same thing.

    Both images are normalised locally (windows of standard deviation 8 pixels), which removes
    differences of lighting. Then, u and its smooth gradient w minimise::

        sum weights h(moved(x + u) - reference)
            + sum over both components c of alpha1 |grad u_c - w_c| + alpha0 |E w_c|

    where E is the symmetrised gradient, so constant strain costs nothing, and h is the Huber
    function, whose width follows from the residual. The first term is linearised up to 6 times
    (warps), with the mean of the gradients of both images. Each convex problem is solved to a
    relative gap of ``tol`` (default 0.01, three times that in all warps but the last;
    ``max_num_iter`` is 3000 for each). The gap bounds what could be gained within 0.1 pixel of u
    and 0.01 of w. The computation is in single precision.

    Parameters
    ----------
    reference, moved : (H, W) arrays
        Images with texture, such as a speckle pattern, of at least 16 x 16 pixels.
    smoothness : (alpha1, alpha0)
        Larger is smoother. The ratio is a length in pixels.
    measure : "infinitesimal" or "green-lagrange"
        The measure of strain (see `strain`); the second for rotations of more than a degree or two.
    max_shift : float
        Largest displacement to be expected, in pixels. Above 2, blocks of 33 x 33 pixels are first
        searched for in whole pixels.
    weights : (H, W) array, optional
        Weights >= 0 of the pixels of the reference; a Boolean mask of the specimen is allowed.
        Where it is 0, u is extrapolated.
    spacing : float or two floats, optional
        Pixel spacing, such as micrometres per pixel. The displacement is in its unit.
    load_axis : 0 or 1, optional
        The axis of a tensile test: cracks only open, ``(grad u - w) >= 0`` for the component along
        it.
    start : (2, H, W) array, optional
        A displacement in pixels to begin with, instead of blocks.
    solver : Solver, optional
    on_step : callable, optional
        Called with a `Progress` after each warp.

    Notes
    -----
    The standard deviations follow from the residual and from the local information, the mean of the
    products of the image gradient; that of the strain also contains the local variation of strain,
    because smoothing costs most there. Their factors were calibrated on generated speckle with the
    default smoothness.

    References
    ----------
    Balle et al., Strain analysis by a total generalized variation regularized optical flow model,
    Inverse Probl. Sci. Eng. 27 (2019) 540-564. They have the absolute value for h.

    Raises
    ------
    InputError
        If an argument is invalid, the images differ in shape, or one of them is constant.

    Examples
    --------
    >>> import numpy as np
    >>> from steepest import motion
    >>> stretch = np.array([[0, 0], [0, 0.01]])
    >>> before, after = motion.speckle_pair((64, 64), lambda x: x @ stretch, rng=0)
    >>> result = motion.displacement(before, after)
    >>> bool(abs(result.strain[1, 1].mean() - 0.01) < 5e-4)
    True
    """
    first, second, dtype = _pair(reference, moved)
    shape = first.shape
    radii = check_numbers(smoothness, "smoothness")
    if radii.shape != (2,) or not np.all((radii >= 1e-6) & (radii <= 1e6)):
        raise InputError(f"smoothness={smoothness!r}; allowed are two numbers from 1e-6 to 1e6")
    if load_axis not in (None, 0, 1) or isinstance(load_axis, bool):
        raise InputError(f"load_axis={load_axis!r}; allowed are None, 0 and 1")
    check_choice(measure, "measure", MEASURES)
    shift = check_number(max_shift, "max_shift", most=float(max(shape)))
    steps = check_spacing(spacing, 2)
    weight = check_weights(weights, shape, first)
    weight = np.ones(shape) if weight is None else weight
    if not weight.any():
        raise InputError("weights are all zero; at least one pixel must count")
    limit = limits(solver, 1e-2, 3000, positive=True)
    reporter = Reporter(on_step)
    search = _Search(first, second, weight, radii.tolist(), load_axis, limit)
    u = np.zeros((2, *shape), np.float32)
    if start is not None:
        u = check_displacement(start, shape).astype(np.float32)
    elif shift > _LARGE:
        u = block_shifts(search.first, search.second, math.ceil(shift))
    w = np.stack([np.gradient(u, axis=1), np.gradient(u, axis=2)], 1)
    u, w, gaps, iterations, status = search.run(u, w, reporter)
    gradient, residual, valid = search.linearised(u)
    of_u, of_strain = deviations(gradient, residual, valid, w)
    h = np.array(steps)
    of_gradient = (h[:, None] / h)[..., None, None]
    w = (w * of_gradient).astype(dtype)
    result = Displacement(
        (u * h[:, None, None]).astype(dtype), w, strain_of(w, measure), residual.astype(dtype),
        (of_u * h[:, None, None]).astype(dtype), of_strain(h).astype(dtype),
        tuple(gaps), iterations, steps, status,
    )  # fmt: skip
    return finished(result, limit.raise_on_failure)


def _pair(reference: Any, moved: Any) -> tuple[np.ndarray, np.ndarray, np.dtype]:
    """Both images in float64, and the dtype of the results."""
    arrays = []
    for name, image in (("reference", reference), ("moved", moved)):
        array, _ = prepare_image(image, None, name)
        array = np.asarray(array)
        if array.ndim != 3 or min(array.shape[1:]) < 16:
            raise InputError(
                f"{name} of shape {np.shape(image)}; allowed are grey images (H, W) of at least "
                "16 x 16 pixels"
            )
        arrays.append(array[0])
    first, second = arrays
    if first.shape != second.shape:
        raise InputError(
            f"moved of shape {second.shape} must have that of reference, {first.shape}"
        )
    for name, array in (("reference", first), ("moved", second)):
        if np.ptp(array) == 0:
            raise InputError(f"{name} is constant: there is no texture to follow")
    scale = float(np.ptp(first))
    dtype = np.result_type(first, second)
    return first.astype(np.float64) / scale, second.astype(np.float64) / scale, dtype


def _normalised(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The image with local mean 0 and local standard deviation 0.2, in windows of a mask."""
    mask = mask.astype(np.float64)
    share = np.maximum(ndimage.gaussian_filter(mask, _RANGE), 1e-6)

    def mean(values: np.ndarray) -> np.ndarray:
        return np.asarray(ndimage.gaussian_filter(values * mask, _RANGE) / share)

    apart = (image - mean(image)) * mask
    return np.asarray(0.2 * apart / np.sqrt(mean(apart * apart) + 1e-6))


class _Search:
    """The warps."""

    def __init__(
        self,
        first: np.ndarray,
        second: np.ndarray,
        weight: np.ndarray,
        radii: Sequence[float],
        load_axis: int | None,
        limit: Limits,
    ) -> None:
        mask = weight > 0
        self.first, self.weight, self.limit = _normalised(first, mask), weight, limit
        self.second = _normalised(second, mask)
        self.spline = Spline(self.second, limit.threads)
        zero = np.zeros((2, *first.shape))
        self.slope = Spline(self.first, limit.threads).at(zero)[1:]
        self.problem = Problem(first.shape, radii, _STEPS, load_axis, limit.threads)  # type: ignore[arg-type]
        self.grid = np.indices(first.shape)

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
            problem.delta = _HUBER * float(np.median(left)) if left.size else _FIRST_WIDTH
            if reporter(Progress(0, 0, gap)) or last:
                break
            done = float(np.percentile(np.abs(u - before), 99)) < _STILL
        status = Status.CONVERGED if gaps[-1] <= aim else Status.MAX_ITERATIONS
        if reporter.stopped:
            status = Status.STOPPED
        return u, w, gaps, iterations, status
