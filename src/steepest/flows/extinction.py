"""When a total variation flow has become constant."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..convex.certificate import Bound
from ..convex.solve import Goal
from ..convex.total_variation import TotalVariation, norm_of
from ..core.errors import InputError, NotConverged
from ..core.namespace import epsilon
from ..core.numbers import check_number
from ..core.progress import Callback, Progress, asks_to_stop, check_callback
from ..core.threads import resolve_num_threads
from ..grid.coarsening import average
from .march import NEGLIGIBLE, Hooks, contrast_energy, fresh_state, march
from .problem import Problem, make_problem

_FIRST = 1e-3  # of the largest deviation from the mean: no pixel can vanish sooner
FLAT = 1e-3  # relative contrast left at extinction
_LONGEST = 64  # pixels along an axis of the averages that an estimate is made from
_DOUBLINGS = 60
_MOST_ITERATIONS = 1000
STAGE = "finding the last time"  # as the user reads it
DEFAULT_TOL = 3e-3


def extinction_time(
    image: Any,
    *,
    tol: float = DEFAULT_TOL,
    isotropic: bool = True,
    huber: float = 0.0,
    weights: Any = None,
    coupled: bool = True,
    spacing: float | Sequence[float] | None = None,
    channel_axis: int | None = None,
    batch_axis: int | None = None,
    on_step: Callback | None = None,
    num_threads: int | None = None,
) -> float:
    """A time after which the TV flow of ``image`` is constant.

    At most about twice the exact extinction time.

    Marches with steps that double until the contrast has fallen below 1e-3 of the image's.

    Parameters
    ----------
    image : array
        As in `tv_flow`.
    tol : float
        Relative duality gap of the steps.
    isotropic, weights, coupled, spacing, channel_axis, batch_axis, num_threads
        As in `tv_flow`; weights must be positive.
    huber : float
        Must be 0: the flow of Huber-TV never becomes constant.
    on_step : callable, optional
        Called with a `steepest.core.progress.Progress` after each step, whose ``residual`` is the
        contrast that is left. Returning True stops the search: the result is then the time
        reached, at which the flow is not constant yet.

    Returns
    -------
    float
        Zero for a constant image.

    Raises
    ------
    InputError
        Huber-TV, weights that vanish, bad images or options.
    NotConverged
        Weights so unequal that the flow is not constant after 60 doublings of the time.
    """
    if check_number(huber, "huber"):
        raise InputError("huber must be 0 here: the Huber-TV flow never becomes constant")
    check_number(tol, "tol", positive=True)
    energy = TotalVariation(norm=norm_of(isotropic), weights=weights, coupled=coupled)
    problem = make_problem(
        image, energy, channel_axis=channel_axis, batch_axis=batch_axis, spacing=spacing
    )
    check_callback(on_step)
    return extinction_of(problem, tol, resolve_num_threads(num_threads), on_step)


def extinction_of(
    problem: Problem, tol: float, num_threads: int, on_step: Callback | None = None
) -> float:
    """`extinction_time` of a prepared problem of total variation, or the time where it stopped."""
    _check_weights(problem)
    seen: list[float] = []  # of all steps of all parts
    times = []
    for part in problem.parts:
        time, stopped = _extinction(problem, problem.energy, part, tol, num_threads, on_step, seen)
        times.append(time)
        if stopped:
            break
    return max(times) / problem.scale


def _check_weights(problem: Problem) -> None:
    weights = getattr(problem.energy, "weights", None)
    if weights is not None and not bool((weights > 0).all()):
        raise InputError("weights must be positive here: where they vanish nothing goes extinct")


def extinction_estimate(
    problem: Problem, num_threads: int, on_step: Callback | None = None
) -> float:
    """About the time that `extinction_of` finds, in about a hundredth of its time.

    That of averages over blocks, of which no axis has more than 64, plus what the details within
    the blocks take at most. Details d of blocks of two pixels per axis, whose sides are s, vanish
    under a flux that crosses no block and is at most ``|s| max|d| / 2``.
    """
    _check_weights(problem)
    seen: list[float] = []
    times = []
    for part in problem.parts:
        energy: Any = problem.energy
        means, details = part, 0.0
        while max(means.shape[1:]) > _LONGEST:
            fine, means = means, average(means)
            halved = [n > 1 for n in fine.shape[1:]]
            sides = tuple(h * (1 + two) for h, two in zip(energy.steps, halved, strict=True))
            weights = None if energy.weights is None else average(energy.weights[None])[0]
            energy = replace(energy, spacing=sides, weights=weights)
            weight = 1.0 if weights is None else float(weights.mean())
            largest = float(abs(fine - _repeated(means, fine.shape)).max())
            details += 0.5 * largest * math.hypot(*sides) / weight
        time, stopped = _extinction(problem, energy, means, DEFAULT_TOL, num_threads, on_step, seen)
        times.append(time + details)
        if stopped:
            break
    return max(times) / problem.scale


def _repeated(means: Any, shape: tuple[int, ...]) -> Any:
    """Every mean in all pixels of its block of two per axis."""
    for axis in range(1, len(shape)):
        if shape[axis] > 1:
            index = (slice(None),) * axis + (np.arange(shape[axis]) // 2,)
            means = means[index]
    return means


def contrast(u: Any) -> float:
    """Largest deviation from the channel's mean; 0 if it is no more than rounding."""
    found = max(float(abs(channel - channel.mean()).max()) for channel in u)
    return found if found > 4 * epsilon(u) * float(abs(u).max()) else 0.0


def shortest_of(problem: Problem) -> float:
    """A time before which nothing of the image has vanished.

    1e-3 of the contrast divided by the most that the flow can move a pixel in unit time (for TV
    2 w / h, here halved). Zero for a constant image, or where nothing moves.
    """
    return min(_shortest(problem.energy, part) for part in problem.parts) / problem.scale


def _shortest(energy: Any, part: Any) -> float:
    weights = getattr(energy, "weights", None)
    heaviest = 1.0 if weights is None else float(weights.max())
    steepest = heaviest * max(1 / h for h in energy.steps)
    return _FIRST * contrast(part) / steepest if steepest > 0 else 0.0


def _extinction(
    problem: Problem,
    energy: Any,
    part: Any,
    tol: float,
    num_threads: int,
    on_step: Callback | None,
    seen: list[float],
) -> tuple[float, bool]:
    """The time for one part, added to those ``seen``; and whether the callback stopped it."""
    start, stopped, left = contrast(part), False, 0.0
    if start == 0:
        return 0.0, False
    nodes = _shortest(energy, part) * 2.0 ** np.arange(_DOUBLINGS)

    def watch(index: int, time: float, outcome: Any, bound: Bound, image: Any) -> bool:
        nonlocal stopped, left
        seen.append(time)
        left = contrast(image())
        stopped = asks_to_stop(on_step, Progress(len(seen), 0, left / problem.scale, STAGE))
        return stopped or left <= FLAT * start

    march(
        energy,
        fresh_state(part),
        0.0,
        nodes,
        np.zeros(nodes.size, bool),
        Goal(tol, _MOST_ITERATIONS, reference=NEGLIGIBLE * contrast_energy(part)),
        num_threads=num_threads,
        hooks=Hooks(after_step=watch),
    )
    if not stopped and left > FLAT * start:
        raise NotConverged(f"the flow is not constant at t={seen[-1] / problem.scale:g}")
    return seen[-1], stopped
