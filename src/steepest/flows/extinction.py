"""Extinction time: the time after which a flow is constant."""

from __future__ import annotations

import math
from dataclasses import is_dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from ..convex.capabilities import require, row_of
from ..convex.certificate import Bound
from ..convex.check import as_energy
from ..convex.energy import Energy
from ..convex.solve import Goal
from ..convex.total_generalised_variation import TotalGeneralisedVariation
from ..convex.total_variation import TotalVariation
from ..core.errors import InputError, NotConverged
from ..core.namespace import epsilon
from ..core.progress import Callback, Progress, Reporter, check_callback
from ..core.solver import Limits, Solver, limits
from ..grid.coarsening import average
from .march import NEGLIGIBLE, Hooks, contrast_energy, fresh_state, march
from .options import takes_options_of
from .problem import Problem, make_problem

_FIRST = 1e-3  # share of the largest deviation from the mean; nothing vanishes before it is lost
FLAT = 1e-3  # relative contrast left at extinction
_FADED = 0.2  # share of the energy left at the last time where extinction takes too long
_LONGEST = 64  # largest number of pixels per axis of the averages used for an estimate
_DOUBLINGS = 60
_MOST_ITERATIONS = 1000
STAGE = "finding the last time"  # name of the stage, shown to the user
DEFAULT_TOL = 3e-3


@takes_options_of(make_problem)
def extinction_time(
    image: Any,
    energy: Energy | None = None,
    *,
    solver: Solver | None = None,
    on_step: Callback | None = None,
    **axes: Any,
) -> float:
    """Find a time after which the flow of ``image`` is constant.

    The result is at most about twice the exact extinction time. The flow is computed at times that
    double from step to step, until its contrast is below 1e-3 of the contrast of the image.

    Parameters
    ----------
    image, channel_axis, batch_axis, spacing
        As in `flow`.
    energy : Energy, optional
        One-homogeneous (``huber=0``), because other flows never end, with positive
        weights, and not of second order, whose flows take too long to come to rest. The default is
        `TotalVariation`.
    solver : Solver, optional
        ``tol`` is the relative duality gap of the steps (default 3e-3), ``max_num_iter`` the limit
        for each (default 1000).
    on_step : callable, optional
        Called with a `steepest.core.progress.Progress` after each step. Its ``residual`` is the
        remaining contrast. Return True to stop the search; the result is then the time reached, at
        which the flow is not yet constant.

    Returns
    -------
    float
        The extinction time. It is 0 for a constant image.

    Raises
    ------
    InputError
        If ``energy`` does not allow it, or for bad images or options.
    NotConverged
        If the flow is not constant after 60 doublings of the time, because the weights are very
        unequal.
    """
    own = limits(solver, tol=DEFAULT_TOL, max_num_iter=_MOST_ITERATIONS, positive=True)
    problem = make_problem(image, check_homogeneous(energy), **axes)
    require(problem.energy, "extinction")
    check_callback(on_step)
    _check_weights(problem)
    find = partial(_last_time, problem.scale, own, Reporter(on_step))
    return max(find(problem.energy, part) for part in problem.parts) / problem.scale


def check_homogeneous(energy: Energy | None) -> Energy:
    """The energy, if it is one-homogeneous, so that its flow ends; else raise `InputError`."""
    energy = as_energy(TotalVariation() if energy is None else energy)
    require(energy, "decompose")
    if not energy.one_homogeneous:
        huber = getattr(energy, "huber", 0)
        raise InputError(
            f"huber={huber:g} of the energy must be 0 here: its flow never becomes constant"
            if huber
            else f"energy={energy!r} is not one-homogeneous: its flow never becomes constant"
        )
    return energy


def _check_weights(problem: Problem) -> None:
    weights = getattr(problem.energy, "weights", None)
    if weights is not None and not bool((weights > 0).all()):
        raise InputError("weights must be positive here: where they vanish nothing goes extinct")


def extinction_estimate(
    problem: Problem, num_threads: int, on_step: Callback | None = None
) -> float:
    """Estimate the result of `extinction_time` in about a hundredth of its computing time.

    It is that of an image of at most 64 block averages per axis, plus the time in which the details
    within the blocks vanish: an upper bound for total variation. For energies whose extinction
    takes too long, it is the time until a fifth of the energy is left.
    """
    _check_weights(problem)
    reporter, times = Reporter(on_step), [0.0]
    solver = limits(Solver(num_threads=num_threads), tol=DEFAULT_TOL, max_num_iter=_MOST_ITERATIONS)
    find = partial(_last_time, problem.scale, solver, reporter)
    longest = _LONGEST if becomes_constant(problem.energy) else _LONGEST // 2
    for part in problem.parts:
        if reporter.stopped:
            break
        energy: Any = problem.energy
        means, details, coarsens = part, 0.0, hasattr(energy, "spacing") and is_dataclass(energy)
        while coarsens and max(means.shape[1:]) > longest:
            fine, means = means, average(means)
            halved = [n > 1 for n in fine.shape[1:]]
            sides = tuple(h * (1 + two) for h, two in zip(energy.steps, halved, strict=True))
            weights = getattr(energy, "weights", None)
            if weights is not None:
                weights = average(weights[None])[0]
                energy = replace(energy, weights=weights)
            energy = replace(energy, spacing=sides)
            largest = float(abs(fine - _repeated(means, fine.shape)).max())
            details += details_time(energy, largest)
        times.append(find(energy, means) + details)
    return max(times) / problem.scale


def details_time(energy: Any, largest: float) -> float:
    """The time in which details up to ``largest`` vanish within blocks of two pixels per axis.

    The pixels of ``energy`` are those blocks. For total variation it is an upper bound, because
    they vanish under a flux within the blocks that is at most half of ``largest`` times their
    diagonal.
    """
    if isinstance(energy, TotalVariation):
        weight = 1.0 if energy.weights is None else float(energy.weights.mean())
        return 0.5 * largest * math.hypot(*energy.steps) / weight
    # about as fast as the flow can change a pixel
    return 0.5 * largest * math.sqrt(len(energy.steps)) / pace(energy)


def _repeated(means: Any, shape: tuple[int, ...]) -> Any:
    """Repeat every mean over the pixels of its block (two pixels per axis)."""
    for axis in range(1, len(shape)):
        if shape[axis] > 1:
            index = (slice(None),) * axis + (np.arange(shape[axis]) // 2,)
            means = means[index]
    return means


def contrast(u: Any) -> float:
    """Largest deviation from the mean of the channel; 0 if it is within rounding."""
    found = max(float(abs(channel - channel.mean()).max()) for channel in u)
    return found if found > 4 * epsilon(u) * float(abs(u).max()) else 0.0


def becomes_constant(energy: Any) -> bool:
    """Whether the extinction of the flow can be computed."""
    row = row_of(energy)
    return row is None or row.allows("extinction")


def pace(energy: Any) -> float:
    """Half the largest rate at which the flow can change a pixel, about."""
    if isinstance(energy, (TotalVariation, TotalGeneralisedVariation)):
        weight = (
            energy.typical[0] if isinstance(energy, TotalGeneralisedVariation) else energy.radius
        )
        return float(weight * max(1 / h for h in energy.steps))
    return float(energy.reach * energy.radius)


def shortest_of(problem: Problem) -> float:
    """A time before which nothing vanishes: 1e-3 of the contrast over the `pace` of the flow."""
    return min(_shortest(problem.energy, part) for part in problem.parts) / problem.scale


def _shortest(energy: Any, part: Any) -> float:
    steepest = pace(energy)
    return _FIRST * contrast(part) / steepest if steepest > 0 else 0.0


def _last_time(scale: float, solver: Limits, reporter: Reporter, energy: Any, part: Any) -> float:
    """When one part is constant or has lost four fifths of its energy, or the stop."""
    start, reached, left = contrast(part), 0.0, 0.0
    if start == 0 or reporter.stopped:
        return 0.0
    fades = not becomes_constant(energy)
    share = _FADED if fades else FLAT

    def watch(index: int, time: float, outcome: Any, bound: Bound, image: Any) -> bool:
        nonlocal start, reached, left
        if fades and index == 0:
            start = outcome.terms.start_value
        reached, left = time, outcome.terms.value if fades else contrast(image())
        return reporter(Progress(0, 0, left / scale, STAGE)) or left <= share * start

    nodes = _shortest(energy, part) * 2.0 ** np.arange(_DOUBLINGS)
    goal = Goal(solver.tol, solver.max_num_iter, reference=NEGLIGIBLE * contrast_energy(part))
    march(
        energy, fresh_state(part), 0.0, nodes, np.zeros(nodes.size, bool), goal,
        num_threads=solver.threads, hooks=Hooks(after_step=watch),
    )  # fmt: skip
    if not fades and not reporter.stopped and left > share * start:
        raise NotConverged(f"the flow is not constant at t={reached / scale:g}")
    return reached
