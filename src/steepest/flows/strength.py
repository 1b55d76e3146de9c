"""Choose the strength of denoising by Stein's unbiased estimate of the risk."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.ndimage import uniform_filter
from scipy.special import expit, logit

from ..convex.energy import Energy, maps_of
from ..core.errors import InputError
from ..core.namespace import Array, detached, is_torch, namespace, to_float64
from ..core.numbers import check_number
from ..core.progress import Callback
from ..core.solver import Solver, limits
from ..core.status import Status, finished
from .cut_off import mean_beyond, saturated_in
from .discrepancy import DEFAULT_MAX_ITER, DEFAULT_TOL
from .flat_blocks import constant_in
from .haar_noise import Noise
from .noise import ImageNoise, image_noise, level_of
from .noise_model import NoiseModel
from .parts import Plan, Solved, collect, make_plan, solve_part
from .problem import Problem, by_channel, make_problem
from .result import DenoiseResult

_STEP = 0.9  # of the logarithm of the strength
_FIRST = _STEP * np.array([0, -1, -2])  # relative to the deviation of the noise
_REFINEMENTS = 2
_CLOSE = 0.05  # logarithm of a strength over one that was tried, below which it is not tried
_UPWARDS = 0.6  # logarithm of a strength over the last, above which coarser grids are better
_PROBE = 0.1  # length of the step of the divergence, relative to the noise
_SEED = 0x57E1  # none that a user would choose for the noise of a simulation
_TRIAL_TOL = 1e-3  # of all solutions but the last; 1e-4 finds the same strengths
_TOO_LOUD = 2.0  # deviation of the noise, relative to that of the image, which has it
_TILE = {1: 100_000, 2: 192, 3: 24}  # pixels along an axis of a tile of large images
_BOX = 5  # pixels along each axis of the boxes whose mean is taken for the true grey value
_SMALLEST, _LARGEST = 2e-5, 3.0  # strengths, relative to the range of the image


def denoise_least_risk(
    image: Any,
    noise: NoiseModel | float | Sequence[NoiseModel | float] | None = None,
    energy: Energy | None = None,
    *,
    channel_axis: int | None = None,
    batch_axis: int | None = None,
    spacing: Any = None,
    solver: Solver | None = None,
    on_step: Callback | None = None,
) -> DenoiseResult:
    """Denoise an image with the strength of the least estimated error.

    For noise of covariance C, the mean squared error of the denoised image v(f) is, up to a
    constant, estimated without bias by

        R = ||v - f||^2 + 2 tr(C dv/df),     tr(C dv/df) = E <n, v(f + h n) - v(f)> / h,

    where n is a sample of the noise and h is small (of noise with a gain, for grey values halfway
    between those of the image and of a smoothed one). One sample is enough for an image. Where
    noise without gain is cut off at black or white, n is 0, and the mean of what is cut off is
    added to f in the first term. R is minimised over the strength, with warm starts. Each image of
    a batch has its own strength. If the energy treats channels separately (``coupled=False``), so
    has each channel.

    Parameters
    ----------
    image : array
        As in `denoise`, but without gradients.
    noise : NoiseModel or float, or one for each channel, optional
        The noise, or its standard deviation if it is white, on the [0, 1] scale for uint8 and
        uint16 images, at most twice that of the image. By default it is estimated in each channel
        as by `estimate_noise_model`.
    energy, channel_axis, batch_axis, spacing, solver, on_step
        As in `denoise`. ``on_step`` is called in all trials. If it stops the search, the result is
        the current trial with its strength.

    Returns
    -------
    DenoiseResult
        ``strength`` is the strength found, ``noise`` the noise it was found for, and ``sigma`` its
        root mean square over the image. If there is no noise, the strength is 0, and the status is
        `Status.NOTHING_REMOVED`.

    Notes
    -----
    About 10 solutions to a gap of 1e-3 and one to the tolerance are computed. Of images with more
    than 816 x 816 pixels (90 x 90 x 90 voxels), the ten are for nine (27) tiles put together;
    energies with weights take the whole image.

    References
    ----------
    Stein, Ann. Stat. 9 (1981) 1135-1151; Ramani, Blu & Unser, IEEE Trans. Image Process. 17 (2008)
    1540-1554 (the divergence by a random step).
    """
    problem = make_problem(
        image, energy, channel_axis=channel_axis, batch_axis=batch_axis, spacing=spacing
    )
    own = limits(solver, tol=DEFAULT_TOL, max_num_iter=DEFAULT_MAX_ITER)
    plan = make_plan(own, on_step)
    noises = _estimated(problem) if noise is None else _given(noise, problem)
    found = [_least_risk(problem, i, plan, own) for i, own in enumerate(noises)]
    strength = by_channel([each.strength for each in found], problem)
    result = collect(problem, [each.solved for each in found], strength)
    shares = by_channel([each.level.share for each in found], problem)
    result = replace(
        result,
        sigma=by_channel([each.level.sigma / problem.scale for each in found], problem),
        noise_share=shares if noise is None else None,
        noise=tuple(m.scaled(1 / problem.scale) for each in found for m in each.noise),
    )
    return finished(result, own.raise_on_failure)


@dataclass(frozen=True, eq=False)
class _Found:
    """The solution of a part for the best strength, and the noise of its channels."""

    solved: Solved
    strength: float
    noise: Sequence[NoiseModel]
    level: Noise


def _estimated(problem: Problem) -> list[ImageNoise]:
    """The noise of each part, estimated from all channels of its image."""
    parts, count = [np.asarray(detached(part)) for part in problem.parts], problem.parts_per_item
    if count == 1:
        return [image_noise(part) for part in parts]
    items = [np.concatenate(parts[i : i + count]) for i in range(0, len(parts), count)]
    return [ImageNoise((model,)) for item in items for model in image_noise(item).models]


def _given(noise: Any, problem: Problem) -> list[ImageNoise]:
    """The given noise of the channels of each part."""
    sizes = [len(part) for part in problem.parts[: problem.parts_per_item]]
    several = np.ndim(noise) == 1 or isinstance(noise, list | tuple)
    each = list(noise) if several else [noise] * sum(sizes)
    if len(each) != sum(sizes):
        raise InputError(f"noise for {len(each)} channels; the image has {sum(sizes)}")
    models = [
        (m if isinstance(m, NoiseModel) else NoiseModel(check_number(m, "noise") ** 2)).scaled(
            problem.scale
        )
        for m in each
    ]
    ends = np.cumsum(sizes)
    parts = [models[end - size : end] for size, end in zip(sizes, ends, strict=True)]
    parts *= problem.num_items
    for index, (own, part) in enumerate(zip(parts, problem.parts, strict=True)):
        _check_level(own, np.asarray(detached(part)), index, problem)
    return [ImageNoise(tuple(own)) for own in parts]


def _check_level(models: list[NoiseModel], part: np.ndarray, index: int, problem: Problem) -> None:
    """Refuse noise that is much larger than the image, which contains it."""
    pairs = zip(models, part, strict=True)
    sigma = math.sqrt(np.mean([model.mean_square(each) for model, each in pairs]))
    most = math.sqrt(np.mean([each.var(dtype=np.float64) for each in part]))
    if sigma > _TOO_LOUD * most > 0:
        item, channel = divmod(index, problem.parts_per_item)
        whose = f"channel {channel + 1}" if problem.parts_per_item > 1 else "the image"
        whose += f" number {item + 1} of the batch" if problem.num_items > 1 else ""
        raise InputError(
            f"noise (sigma) {sigma / problem.scale:g} is too large: the standard deviation of "
            f"{whose} is {most / problem.scale:g}{problem.layout.scale_hint(sigma / problem.scale)}"
        )


def _least_risk(problem: Problem, index: int, plan: Plan, noise: ImageNoise) -> _Found:
    """Minimise the estimated risk of one part, or of a sample of it if it is large."""
    part = problem.parts[index]
    values = np.asarray(detached(part))
    span = float(np.ptp(values))
    constant = constant_in(values)
    level = level_of(noise.models, values, constant)
    if span == 0 or level.total <= 1e-6 * span:
        nothing = solve_part(problem, index, 0.0, plan, None)
        return _Found(nothing, 0.0, noise.models, Noise(0.0, 0.0, 0.0))
    sample = part if maps_of(problem.energy) else _mosaic(part)
    whole = sample is part
    rough = replace(plan, goal=replace(plan.goal, tol=max(plan.goal.tol, _TRIAL_TOL)))
    risk = _Risk(
        replace(problem, parts=[sample]), rough, noise, constant if whole else _mosaic(constant)
    )
    low, high = math.log(_SMALLEST * span), math.log(_LARGEST * span)
    first = math.log(level.sigma * math.sqrt(len(values))) + _FIRST
    best = risk.minimise(np.clip(first, low, high), low, high)
    near = min(risk.tried, key=lambda place: abs(place - best))
    strength = math.exp(near if plan.reporter.stopped else best) / problem.scale
    closest, iterations = risk.tried[near], sum(each.iterations for each in risk.tried.values())
    del risk, constant  # to make room
    if plan.reporter.stopped and whole:
        solved = replace(closest, status=Status.STOPPED)
    else:
        start = closest.flux if whole else None
        solved = solve_part(problem, index, strength, plan, start, near=whole)
    iterations += solved.iterations
    return _Found(replace(solved, iterations=iterations), strength, noise.models, level)


class _Risk:
    """Stein's estimate for an image, as a function of the logarithm of the strength.

    ``problem`` has one part. ``tried`` are the solutions so far.
    """

    def __init__(
        self, problem: Problem, plan: Plan, noise: ImageNoise, constant: np.ndarray
    ) -> None:
        (part,) = problem.parts
        values = _in_float64(part)
        grey = _without_skew(values) if any(m.gain for m in noise.models) else values
        self.noise = noise.sample(grey, np.random.default_rng(_SEED))
        sigma = math.sqrt(float((self.noise**2).mean()))
        cut = saturated_in(values, sigma)
        self.noise[constant | cut] = 0
        # the divergence where nothing is removed, or any number if all noise is cut off
        self.whole = 2 * float((self.noise**2).mean()) or 1.0
        self.target = values + mean_beyond(values, noise.models, cut & ~constant)
        moved = part + _like(_PROBE * self.noise, part)
        self.problems = problem, replace(problem, parts=[moved])
        self.flux: tuple[dict[float, Array], dict[float, Array]] = {}, {}
        self.plan = plan
        self.tried: dict[float, Solved] = {}
        self.terms: dict[float, tuple[float, float]] = {}

    def minimise(self, places: np.ndarray, low: float, high: float) -> float:
        """The logarithm of the best strength, or the last one if the callback has asked to stop.

        The places are in descending order. While the smallest value is at an end, and it is not a
        limit, places beyond are tried; then the place where an interpolation is smallest.
        """
        queue = [float(place) for place in places]
        refinements = 0
        while True:
            for place in queue:
                if place not in self.terms:
                    self.terms[place] = self._measure(place)
                if self.plan.reporter.stopped:
                    return place
            tried = sorted(self.terms)
            best = min(tried, key=lambda place: sum(self.terms[place]))
            if best in (low, high):
                return best
            at = tried.index(best)
            ends = [max(best - _STEP, low), *tried, min(best + _STEP / 2, high)][at : at + 3 : 2]
            place = self._lowest(np.array(tried), *ends)
            near = min(abs(place - other) for other in tried) < _CLOSE
            if best == tried[0]:
                place = ends[0]
            elif best == tried[-1]:
                place = ends[1] if near else place
            elif near or refinements == _REFINEMENTS:
                return place
            else:
                refinements += 1
            queue = [place]

    def _lowest(self, places: np.ndarray, first: float, last: float) -> float:
        """Where an interpolation of the estimate is smallest.

        The logarithm of the error and the logit of the divergence are nearly straight, and cubic
        splines interpolate them.
        """
        error, divergence = np.array([self.terms[place] for place in places]).T
        share = np.clip(divergence / self.whole, 1e-3, 1 - 1e-3)
        between = np.linspace(first, last, 500)
        error, share = (
            CubicSpline(places, terms, bc_type="natural")(between)
            for terms in (np.log(np.maximum(error, 1e-12 * self.whole)), logit(share))
        )
        return float(between[np.argmin(np.exp(error) + self.whole * expit(share))])

    def _measure(self, log_strength: float) -> tuple[float, float]:
        """The squared distance and the divergence of Stein's estimate, which is their sum."""
        solved = self.tried[log_strength] = self._solve(0, log_strength)
        if self.plan.reporter.stopped:
            return math.nan, math.nan
        image = _in_float64(solved.image)
        moved = _in_float64(self._solve(1, log_strength).image)
        error = float(((image - self.target) ** 2).mean())
        return error, 2 * float((self.noise * (moved - image)).mean()) / _PROBE

    def _solve(self, which: int, place: float) -> Solved:
        """Solve from the nearest flux of the same image; that of the other would bias the estimate.

        If it is that of a much smaller strength, coarser grids are a better start.
        """
        problem, tried = self.problems[which], self.flux[which]
        nearest = min(tried, key=lambda other: abs(other - place), default=-math.inf)
        solved = solve_part(
            problem, 0, math.exp(place) / problem.scale, self.plan, tried.get(nearest),
            near=nearest > place - _UPWARDS,
        )  # fmt: skip
        tried[place] = solved.flux
        return solved


def _without_skew(values: np.ndarray) -> np.ndarray:
    """Grey values whose noise is that of the divergence, if it grows with the light.

    For n of photons, E[n h(n)] = k2 E[h'] + k3/2 E[h''] + ..., with cumulants k2 = gain x and
    k3 = gain k2. If k2 is taken from the noisy grey value, k3 counts twice, and not at all if it is
    taken from the true one. So the mean of the two is right.
    """
    box = (1, *(min(_BOX, n) for n in values.shape[1:]))
    return 0.5 * (values + uniform_filter(values, box))


def _mosaic(part: Array) -> Array:
    """Nine tiles (in 3-D 27, in 1-D 3) of a large image, put together; a small image itself."""
    side = _TILE[part.ndim - 1]
    sample = part
    for axis in range(1, part.ndim):
        n = part.shape[axis]
        if n > 3 * side:
            starts = np.linspace(0, n - side, 3).astype(int)
            tiles = [sample[(slice(None),) * axis + (slice(s, s + side),)] for s in starts]
            sample = namespace(part).concatenate(tiles, axis)
    return sample if 2 * math.prod(sample.shape) <= math.prod(part.shape) else part


def _in_float64(array: Array) -> np.ndarray:
    """A NumPy array in double precision of an array of either library."""
    return np.asarray(detached(to_float64(array)))


def _like(values: np.ndarray, part: Array) -> Array:
    """The values in the library, dtype and device of a part."""
    return part.new_tensor(values) if is_torch(part) else values.astype(part.dtype)
