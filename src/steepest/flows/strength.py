"""Choose the strength of denoising by Stein's unbiased estimate of the risk."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..convex.energy import Energy
from ..core.errors import InputError
from ..core.namespace import Array, detached, is_torch, to_float64
from ..core.numbers import check_number
from ..core.progress import Callback
from ..core.solver import Solver, limits
from ..core.status import Status, finished
from .discrepancy import DEFAULT_MAX_ITER, DEFAULT_TOL
from .flat_blocks import constant_in
from .haar_noise import Noise
from .noise import NoiseModel, level_of, noise_of_channel
from .parts import Plan, Solved, collect, make_plan, solve_part
from .problem import Problem, make_problem
from .result import DenoiseResult

_RATIO = 2.83  # between the first strengths that are tried
_FIRST = (0.7, -0.3, -1.3)  # their logarithms, relative to the deviation of the noise
_REFINEMENTS = 3
_PROBE = 0.1  # length of the step of the divergence, relative to the noise
_SEED = 0x57E1  # none that a user would choose for the noise of a simulation
_TRIAL_TOL = 1e-3  # of all solutions but the last; 1e-4 finds the same strengths
_TOO_LOUD = 2.0  # deviation of the noise, relative to that of the image, which has it
_SMALLEST, _LARGEST = 2e-5, 3.0  # strengths, relative to the range of the image


def denoise_least_risk(
    image: Any,
    noise: NoiseModel | float | Sequence[NoiseModel | float] | None = None,
    energy: Energy | None = None,
    *,
    channel_axis: int | None = None,
    spacing: Any = None,
    solver: Solver | None = None,
    on_step: Callback | None = None,
) -> DenoiseResult:
    """Denoise an image with the strength of the least estimated error.

    For noise of covariance C, the mean squared error of the denoised image v(f) is, up to a
    constant, estimated without bias by

        R = ||v - f||^2 + 2 tr(C dv/df),     tr(C dv/df) = E <n, v(f + h n) - v(f)> / h,

    where n is a sample of the noise and h is small. One sample is enough for an image. R is
    minimised over the strength, from large to small, with warm starts. If the energy treats
    channels separately (``coupled=False``), each channel has its own strength.

    Parameters
    ----------
    image : array
        As in `denoise`, but without batches and gradients.
    noise : NoiseModel or float, or one for each channel, optional
        The noise, or its standard deviation if it is white, on the [0, 1] scale for uint8 and
        uint16 images. By default it is estimated in each channel as by `estimate_noise_model`.
    energy, channel_axis, spacing, solver, on_step
        As in `denoise`. ``on_step`` is called in all trials. If it stops the search, the result is
        the current trial with its strength.

    Returns
    -------
    DenoiseResult
        ``strength`` is the strength found, ``noise`` the noise it was found for, and ``sigma`` its
        root mean square over the image. If there is no noise, the strength is 0, and the status is
        `Status.NOTHING_REMOVED`.

    Raises
    ------
    InputError
        Bad image or options, or noise that is larger than the image can hold.
    NotConverged
        If the last solution does not converge and the solver has ``raise_on_failure=True``.

    Notes
    -----
    About 14 solutions to a gap of 1e-3 and one to the tolerance are computed.

    References
    ----------
    Stein, Ann. Stat. 9 (1981) 1135-1151; Ramani, Blu & Unser, IEEE Trans. Image Process. 17 (2008)
    1540-1554 (the divergence by a random step).
    """
    problem = make_problem(
        image.detach() if is_torch(image) else image,
        energy,
        channel_axis=channel_axis,
        spacing=spacing,
    )
    own = limits(solver, tol=DEFAULT_TOL, max_num_iter=DEFAULT_MAX_ITER)
    plan = make_plan(own, on_step)
    models = _given(noise, problem)
    found = [_least_risk(problem, i, plan, own) for i, own in enumerate(models)]
    separate = problem.layout.channel_axis is not None and not problem.energy.coupled

    def combined(values: Sequence[float]) -> float | np.ndarray:
        return np.array(values) if separate else values[0]

    result = collect(
        problem, [each.solved for each in found], combined([e.strength for e in found])
    )
    result = replace(
        result,
        sigma=combined([each.level.sigma / problem.scale for each in found]),
        noise_share=combined([each.level.share for each in found]) if noise is None else None,
        noise=tuple(m.scaled(1 / problem.scale) for each in found for m in each.noise),
    )
    return finished(result, own.raise_on_failure)


@dataclass(frozen=True, eq=False)
class _Found:
    """The solution of a part for the best strength, and the noise of its channels."""

    solved: Solved
    strength: float
    noise: list[NoiseModel]
    level: Noise


def _given(noise: Any, problem: Problem) -> list[list[NoiseModel] | None]:
    """The given noise of the channels of each part; None where it is to be estimated."""
    sizes = [len(part) for part in problem.parts]
    if noise is None:
        return [None] * len(sizes)
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
    channels = [c for part in problem.parts for c in np.asarray(detached(to_float64(part)))]
    for number, (model, own) in enumerate(zip(models, channels, strict=True), 1):
        sigma, most = np.sqrt(np.mean(model.deviation(own) ** 2)), own.std()
        if sigma > _TOO_LOUD * most > 0:
            whose = f"channel {number}" if len(models) > 1 else "the image"
            raise InputError(
                f"noise (sigma) {sigma / problem.scale:g} is too large: the standard deviation of "
                f"{whose} is {most / problem.scale:g}"
            )
    ends = np.cumsum(sizes)
    return [models[end - size : end] for size, end in zip(sizes, ends, strict=True)]


def _least_risk(problem: Problem, index: int, plan: Plan, given: list[NoiseModel] | None) -> _Found:
    """Minimise the estimated risk of one part."""
    part = problem.parts[index]
    values = np.asarray(detached(to_float64(part)))
    span = float(np.ptp(values))
    models = [noise_of_channel(each) for each in values] if given is None else given
    rng = np.random.default_rng(_SEED)
    pairs = zip(models, values, strict=True)
    sample = np.stack([model.sample(each[None], rng)[0] for model, each in pairs])
    sample[constant_in(values)] = 0
    level = level_of(models, values)
    if span == 0 or level.total <= 1e-6 * span:
        nothing = solve_part(problem, index, 0.0, plan, None)
        return _Found(nothing, 0.0, models, Noise(0.0, 0.0, 0.0))
    moved = list(problem.parts)
    moved[index] = part + _like(_PROBE * sample, part)
    other = replace(problem, parts=moved)
    rough = replace(plan, goal=replace(plan.goal, tol=max(plan.goal.tol, _TRIAL_TOL)))
    found: dict[float, Solved] = {}
    flux: list[Array | None] = [None, None]

    def risk(log_strength: float) -> float:
        strength = math.exp(log_strength) / problem.scale
        solved = solve_part(problem, index, strength, rough, flux[0], near=flux[0] is not None)
        flux[0], found[log_strength] = solved.flux, solved
        if plan.reporter.stopped:
            return math.nan
        # from its own earlier flux: that of the image would bias the difference
        shifted = solve_part(other, index, strength, rough, flux[1], near=flux[1] is not None)
        flux[1] = shifted.flux
        image = np.asarray(detached(to_float64(solved.image)))
        change = np.asarray(detached(to_float64(shifted.image))) - image
        return float(((image - values) ** 2).mean() + 2 * (sample * change).mean() / _PROBE)

    first = math.log(level.sigma) + math.log(_RATIO) * np.array(_FIRST)
    limits_of = math.log(_SMALLEST * span), math.log(_LARGEST * span)
    best, _ = minimise(risk, first, *limits_of, _REFINEMENTS)
    near = min(found, key=lambda tried: abs(tried - best))
    if plan.reporter.stopped:
        solved, best = replace(found[near], status=Status.STOPPED), near
    else:
        solved = solve_part(
            problem, index, math.exp(best) / problem.scale, plan, found[near].flux, near=True
        )
    iterations = solved.iterations + sum(each.iterations for each in found.values())
    solved = replace(solved, iterations=iterations)
    return _Found(solved, math.exp(best) / problem.scale, models, level)


def _like(values: np.ndarray, part: Array) -> Array:
    """The values in the library, dtype and device of a part."""
    return part.new_tensor(values) if is_torch(part) else values.astype(part.dtype)


def minimise(
    function: Callable[[float], float], points: Any, low: float, high: float, refinements: int
) -> tuple[float, dict[float, float]]:
    """Minimise a function of one variable that is nearly convex; return the place and all trials.

    The points, equally spaced and in descending order, are extended until their smallest value has
    neighbours on both sides, or a limit is reached. Parabolas then narrow the bracket. A trial that
    returns NaN ends the search.
    """
    step = abs(float(points[1]) - float(points[0]))
    values: dict[float, float] = {}
    queue = [min(max(float(x), low), high) for x in points]
    while queue:
        for x in queue:
            if x not in values:
                values[x] = function(x)
                if math.isnan(values[x]):
                    return x, values
        places = sorted(values)
        at = min(range(len(places)), key=lambda i: values[places[i]])
        queue = []
        if at == 0 and places[0] > low:
            queue = [max(places[0] - step, low)]
        elif at == len(places) - 1 and places[-1] < high:
            queue = [min(places[-1] + step, high)]
    for last in [False] * refinements + [True]:
        places = sorted(values)
        at = min(range(len(places)), key=lambda i: values[places[i]])
        if at in (0, len(places) - 1):
            return places[at], values
        left, middle, right = places[at - 1 : at + 2]
        vertex = _vertex(*((x, values[x]) for x in (left, middle, right)))
        if last:
            return vertex, values
        if min(abs(vertex - x) for x in (left, middle, right)) < 0.12 * step:
            wider = right if right - middle > middle - left else left
            vertex = (middle + wider) / 2
        values[vertex] = function(vertex)
        if math.isnan(values[vertex]):
            return vertex, values
    raise AssertionError


def _vertex(*points: tuple[float, float]) -> float:
    """The lowest place of the parabola through three points, of which the middle one is lowest."""
    (a, fa), (b, fb), (c, fc) = points
    left, right = (fb - fa) / (b - a), (fc - fb) / (c - b)
    curvature = (right - left) / (c - a)
    if curvature <= 0:
        return b
    return min(max(b - (left * (c - b) + right * (b - a)) / (2 * curvature * (c - a)), a), c)
