"""Images between two images: time-discrete geodesics."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import ndimage

from ..core.arrays import Layout, prepare_image
from ..core.errors import InputError
from ..core.numbers import check_count, check_number, check_numbers
from ..core.progress import Callback, Reporter
from ..core.result import Result
from ..core.solver import Limits, Solver, limits
from ..core.status import Status, finished
from .elasticity import Registration, splines
from .forward import spread
from .trajectories import Path, at_time, interpolate, trace
from .warping import Spline

_SMALLEST = 16  # pixels along the shorter axis of the coarsest level
_DIRECT = 20  # steps of the first guess: the second image registered to the first, in one piece


@dataclass(frozen=True)
class Morph(Result):
    """Images between two images.

    Attributes
    ----------
    frames : (T, \\*shape) array
        The images at the given times, in the dtype of the given ones.
    displacement : (T, 2, H, W) array
        Where the pixels of the first image are at these times, minus where they were, in pixels.
    energies : tuple of floats
        The energy of the path after each round on the finest grid (see `morph`), decreasing.
    folds : int
        The number of triangles of the grid that are turned over at the given times; 0 if all
        deformations are one to one.
    status : Status
    """

    frames: np.ndarray
    displacement: np.ndarray
    energies: tuple[float, ...]
    folds: int
    status: Status


def morph(
    first: Any,
    second: Any,
    times: Any = 9,
    *,
    num_steps: int = 4,
    stiffness: float = 0.02,
    channel_axis: int | None = None,
    solver: Solver | None = None,
    on_step: Callback | None = None,
) -> Morph:
    """Return images between two images, in which things move and change their grey value.

    A path of images ``I_0 = first, I_1, ..., I_K = second`` and of displacements ``v_1, ..., v_K``
    that minimises the energy ::

        sum_k 1/2 |I_k(x + v_k) - I_{k-1}|^2 + stiffness (|grad v_k|^2 + 2 |div v_k|^2) / 2

    with v_k = 0 at the boundary. There the second term is that of linear elasticity with equal Lamé
    constants. From coarse to fine grids, images and displacements are improved in turn: by a
    tridiagonal system along each trajectory, and by Gauss-Newton steps.

    Parameters
    ----------
    first, second : arrays of shape (H, W), with channels if ``channel_axis`` is given
        Of the same shape, at least 16 x 16 pixels. Their values are divided by their common range.
    times : int or sequence of floats
        Times in [0, 1]: 0 is the first image and 1 the second, both exactly. A number stands for
        that many times at equal distances, from 0 to 1.
    num_steps : int
        K. Between the images of the path, trajectories are straight lines.
    stiffness : float
        With a small number things move, with a large number they fade.
    channel_axis : int, optional
    solver : Solver, optional
        Stops after a round that lowers the energy by less than ``tol`` (1e-3), relative to it, or
        after ``max_num_iter`` (30) rounds on one grid.
    on_step : callable, optional
        Called after each round (see `steepest.core.progress`).

    Returns
    -------
    result : Morph

    Notes
    -----
    The energy is not convex: the path is a local minimum, and things that move by more than their
    own size may fade instead.

    References
    ----------
    Berkels, Effland & Rumpf, Time discrete geodesic paths in the space of images, SIAM J. Imaging
    Sci. 8 (2015) 1457-1488. Neumayer, Persch & Steidl, Regularization of inverse problems via time
    discrete geodesics in image spaces, Inverse Problems 35 (2019) 055005.

    Examples
    --------
    >>> import numpy as np
    >>> from steepest import motion
    >>> x = np.arange(32)
    >>> left, right = (np.exp(-((x - c) ** 2 + (x[:, None] - 16) ** 2) / 18) for c in (12, 20))
    >>> middle = motion.morph(left, right, [0.5]).frames[0]
    >>> int(middle[16].argmax()), bool(middle.max() > 0.9)
    (16, True)
    """
    start, end, layout, dtype = _pair(first, second, channel_axis)
    moments = _moments(times)
    count = check_count(num_steps, "num_steps", least=2, most=100)
    rigid = check_number(stiffness, "stiffness", least=1e-8, most=1e8)
    limit = limits(solver, 1e-3, 30)
    reporter = Reporter(on_step)
    low, high = min(start.min(), end.min()), max(start.max(), end.max())
    scale = float(high - low) or 1.0
    problem = Registration(rigid, limit.threads)
    path, energies, status = _coarse_to_fine(
        (start - low) / scale, (end - low) / scale, count, problem, limit, reporter
    )
    frames, moved, folds = list[np.ndarray](), list[np.ndarray](), 0
    for moment in moments:
        image, displacement, number = at_time(path, float(moment))
        exact = start if moment == 0 else end if moment == 1 else scale * image + low
        frames.append(np.clip(exact, low, high))
        moved.append(displacement)
        folds += number
    whole = layout.restore(np.stack(frames).astype(dtype), 1)
    result = Morph(whole, np.stack(moved).astype(dtype), tuple(energies), folds, status)
    return finished(result, limit.raise_on_failure)


def _pair(
    first: Any, second: Any, channel_axis: int | None
) -> tuple[np.ndarray, np.ndarray, Layout, np.dtype]:
    """Both images (C, H, W) in float64, how they were given, and the dtype of displacements."""
    pair = []
    for name, image in (("first", first), ("second", second)):
        array, layout = prepare_image(image, channel_axis, name)
        array = np.asarray(array)
        if array.ndim != 3 or min(array.shape[1:]) < _SMALLEST:
            raise InputError(
                f"{name} of shape {np.shape(image)}; allowed are images (H, W) of at least "
                f"{_SMALLEST} x {_SMALLEST} pixels, with channels if channel_axis is given"
            )
        pair.append((array, layout))
    (start, layout), (end, other) = pair
    if start.shape != end.shape:
        raise InputError(f"second of shape {other.shape} must have that of first, {layout.shape}")
    if layout.dtype != other.dtype:
        raise InputError(
            f"second has dtype {other.dtype} and first {layout.dtype}; they must be the same"
        )
    return start.astype(np.float64), end.astype(np.float64), layout, start.dtype


def _moments(times: Any) -> np.ndarray:
    if np.ndim(times) == 0:
        return np.linspace(0, 1, check_count(times, "times", least=2))
    moments = check_numbers(times, "times")
    if moments.ndim != 1 or not moments.size or moments.min() < 0 or moments.max() > 1:
        raise InputError(f"times={times!r}; allowed are a number of times, or times from 0 to 1")
    return moments


def _coarse_to_fine(
    start: np.ndarray, end: np.ndarray, count: int, problem: Registration, limit: Limits,
    reporter: Reporter,
) -> tuple[Path, list[float], Status]:  # fmt: skip
    """The path on the finest grid, the energies of its rounds there, and how the search ended."""
    pyramid = [(start, end)]
    while min(pyramid[-1][0].shape[1:]) >= 2 * _SMALLEST:
        pyramid.append((_halved(pyramid[-1][0]), _halved(pyramid[-1][1])))
    displacements = _first_guess(*pyramid[-1], count, problem)
    for images in reversed(pyramid):
        displacements = _enlarged(displacements, images[0].shape[1:])
        ends = (splines(images[0]), splines(images[1]))
        path, energies, status = _improve(ends, displacements, problem, limit, reporter)
        displacements = path.displacements
    return path, energies, status


def _first_guess(
    start: np.ndarray, end: np.ndarray, count: int, problem: Registration
) -> np.ndarray:
    """The second image registered to the first in one piece, which is cut into equal parts."""
    ends = (splines(start), splines(end))
    u = np.zeros((2, *start.shape[1:]))
    for _ in range(_DIRECT):
        u = problem.improve(*ends, u)
    grid = np.indices(u.shape[1:])
    return np.stack([spread(u / count, grid + k / count * u)[0] for k in range(count)])


def _improve(
    ends: tuple[Sequence[Spline], Sequence[Spline]],
    displacements: np.ndarray,
    problem: Registration,
    limit: Limits,
    reporter: Reporter,
) -> tuple[Path, list[float], Status]:
    """Rounds on one grid: displacements for given images, then images for given displacements."""
    path = trace(ends, displacements)
    images = path.images()
    of = [splines(image) for image in images]
    energies = [problem.total(images, of, path.displacements)]
    for _ in range(limit.max_num_iter):
        trial = trace(ends, problem.improve_all(of, path.displacements))
        drawn = trial.images()
        of_drawn = [splines(image) for image in drawn]
        energy = problem.total(drawn, of_drawn, trial.displacements)
        drop = energies[-1] - energy
        if drop > 0:
            path, of = trial, of_drawn
            energies.append(energy)
        if reporter.residual(energies[-1]):
            return path, energies, Status.STOPPED
        if drop <= limit.tol * energies[-1]:
            return path, energies, Status.STATIONARY
    return path, energies, Status.MAX_ITERATIONS


def _halved(image: np.ndarray) -> np.ndarray:
    """Half as many pixels along each axis (means of pairs lost 0.5 to 3 dB: `benchmarks.morph`)."""
    smooth = ndimage.gaussian_filter(image, (0, 0.7, 0.7), mode="nearest")
    return _resampled(smooth, tuple(-(-n // 2) for n in image.shape[1:]))


def _enlarged(displacements: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Displacements (K, 2, h, w) on a finer grid; 0 at the boundary."""
    ratio = np.array(shape) / displacements.shape[2:]
    out = np.zeros((len(displacements), 2, *shape))
    for new, old in zip(out, displacements, strict=True):
        fine = ratio[:, None, None] * _resampled(old, shape)
        new[:, 1:-1, 1:-1] = fine[:, 1:-1, 1:-1]
    return out


def _resampled(values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Values (n, H, W) at the centres of the pixels of another grid on the same rectangle."""
    axes = [
        (np.arange(new) + 0.5) * old / new - 0.5
        for new, old in zip(shape, values.shape[1:], strict=True)
    ]
    return interpolate(values, np.stack(np.meshgrid(*axes, indexing="ij")))
