"""Choose the strength of denoising by the discrepancy principle: remove just the noise."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from ..convex.energy import Energy
from ..core.errors import InputError
from ..core.numbers import check_number
from ..core.progress import Callback
from ..core.solver import Solver, limits
from ..core.status import Status, finished
from .march import contrast_energy, distance
from .noise import noise_of
from .parts import Plan, Solved, collect, make_plan, solve_part
from .problem import Problem, by_channel, each_channel, make_problem, of_parts
from .result import DenoiseResult

_MOST_TRIALS = 40
DEFAULT_TOL, DEFAULT_MAX_ITER = 1e-4, 20000


def denoise_discrepancy(
    image: Any,
    sigma: float | None = None,
    energy: Energy | None = None,
    *,
    rtol: float = 0.01,
    channel_axis: int | None = None,
    spacing: Any = None,
    solver: Solver | None = None,
    on_step: Callback | None = None,
) -> DenoiseResult:
    """Denoise an image with the strength that removes just the noise (Morozov's principle).

    Finds the ``strength`` for which ``||v - image||^2 = sigma^2 N``, where N is the number of
    values. The distance grows with the strength, so secant steps find it. Each trial starts from
    the flux of the previous trial, and the last trial is the result. If the energy treats channels
    separately (``coupled=False``), each channel has its own strength, which removes the noise of
    that channel.

    Parameters
    ----------
    image : array
        As in `denoise`, but without batches and gradients.
    sigma : float, or array (channels,), optional
        Standard deviation of the Gaussian noise, on the [0, 1] scale for uint8 and uint16 images;
        below that of the image.
        If channels are separate, a single number applies to every channel, and an array gives one
        value per channel. By default it is estimated as by `estimate_noise`, for each channel if
        they are separate, and only the regions with noise count in N.
    energy : Energy, optional
        As in `denoise`.
    rtol : float
        Relative accuracy of the distance.
    channel_axis, spacing, solver, on_step
        As in `denoise`. ``on_step`` is called in all trials. If it stops the search, the result is
        the current trial with its strength.

    Returns
    -------
    DenoiseResult
        ``strength`` is the strength found, and ``sigma`` the noise it was found for: floats, or
        arrays (channels,) if channels are separate. ``noise_share`` is the share of the image with
        noise, if that was estimated. For ``sigma == 0``, and if no noise is found, the strength is
        0, and the status is ``Status.NOTHING_REMOVED``. If no strength removes this amount of
        noise, ``converged`` is False.
    """
    rtol = check_number(rtol, "rtol", positive=True)
    problem = make_problem(image, energy, channel_axis=channel_axis, spacing=spacing)
    own = limits(solver, tol=DEFAULT_TOL, max_num_iter=DEFAULT_MAX_ITER)
    plan, shares = make_plan(own, on_step), None
    if sigma is None:
        noise = [noise_of(part) for part in problem.parts]
        sigmas, shares = [each.sigma / problem.scale for each in noise], [n.share for n in noise]
        # The estimate for an image of noise alone may exceed its standard deviation.
        most = [_deviation(problem, i) / (1 + rtol) for i in range(len(noise))]
        totals = [min(n.total / problem.scale, own) for n, own in zip(noise, most, strict=True)]
    else:
        sigmas = totals = of_parts(each_channel(sigma, "sigma", problem), problem)
    found = [_match_distance(problem, i, each, rtol, plan) for i, each in enumerate(totals)]
    strength = by_channel([strength for _, strength in found], problem)
    result = collect(problem, [solved for solved, _ in found], strength)
    share = None if shares is None else by_channel(shares, problem)
    result = replace(result, sigma=by_channel(sigmas, problem), noise_share=share)
    return finished(result, own.raise_on_failure)


def _deviation(problem: Problem, index: int) -> float:
    """Standard deviation of a part around the means of its channels."""
    part = problem.parts[index]
    return math.sqrt(2 * contrast_energy(part) / math.prod(part.shape)) / problem.scale


def _match_distance(
    problem: Problem, index: int, sigma: float, rtol: float, plan: Plan
) -> tuple[Solved, float]:
    """The solution and the strength of one part, by secant steps on logarithms in a bracket."""
    part = problem.parts[index]
    size = math.prod(part.shape)
    wanted = sigma * math.sqrt(size)
    if wanted == 0:
        return solve_part(problem, index, 0.0, plan, None), 0.0
    if sigma >= (deviation := _deviation(problem, index)):
        whose = f"that of channel {index + 1}" if len(problem.parts) > 1 else "the image's own"
        raise InputError(
            f"sigma={sigma:g} is not smaller than {whose} standard deviation {deviation:g}; "
            f"nothing but its mean would remain{problem.layout.scale_hint(sigma)}"
        )
    low, high, strength = 0.0, math.inf, sigma
    previous: tuple[float, float] | None = None
    flux = None
    for _ in range(_MOST_TRIALS):
        problem.check_times(np.array([strength]), "sigma")
        solved = solve_part(problem, index, strength, plan, flux)
        removed = distance(solved.image, part) / problem.scale  # before any rounding to integers
        if abs(removed - wanted) <= rtol * wanted:
            return solved, strength
        if plan.reporter.stopped:
            return replace(solved, status=Status.STOPPED), strength
        flux = solved.flux
        low, high = (strength, high) if removed < wanted else (low, strength)
        if removed == 0:  # the strength is too small to change anything in this dtype
            strength *= 100
            continue
        slope = 1.0
        if previous is not None and previous[0] != strength and removed != previous[1]:
            slope = math.log(removed / previous[1]) / math.log(strength / previous[0])
        previous = (strength, removed)
        proposal = strength * (wanted / removed) ** (1 / min(max(slope, 0.2), 2.0))
        inside = low < proposal < high
        middle = math.sqrt(low * high) if high < math.inf else 2 * low
        middle = middle or high / 2
        strength = proposal if inside else middle
    return replace(solved, status=Status.ACCURACY_NOT_MET), previous[0] if previous else strength
