"""Choosing steps and gaps for a certified accuracy that the user asks for.

A step of length tau adds about ``kappa tau^q`` to the certificate. The fewest steps for a given
sum are those that all add the same, ``theta``. A pilot of a few coarse steps measures what each
stretch of time costs; from ``c`` for a pilot step follow ``(c/theta)^(1/q)`` steps in its place,
each adding theta, and theta is what makes the sum meet the budget. So the number of steps is known
before they are taken. Each run is itself certified and serves as the next pilot if the bound should
miss the target.
"""

from __future__ import annotations

import math
from dataclasses import replace
from time import perf_counter
from typing import Any

import numpy as np

from ..convex.energy import Energy
from ..convex.solve import Goal, rounding_floor
from ..core.errors import TooManySteps
from ..core.namespace import epsilon
from ..core.status import Status
from .march import Hooks, Record, in_double, march
from .result import PartState

CHOOSING, FLOWING = "choosing the time steps", "flow"  # the stages, as the user reads them
DEFAULT_MAX_STEPS = 20000
_ORDER = 2.4  # q; chosen by measuring: 2.8 and 3.2 miss the target more often
_SOLVER_SHARE = 0.85  # of the budget; short warm-started steps cost few iterations, small gaps many
_PILOT_STEPS = 10
_ATTEMPTS = 5
_FEWEST, _MOST = 1e-3, 1e100  # steps in the place of one
_TIMED_STEPS = 10
_ROUNDED = 0.15  # epsilons by which storing an image moves its pixels, in the mean (measured)


def march_to_accuracy(
    energy: Energy,
    state: PartState,
    begin: float,
    wanted: np.ndarray,
    target: float,
    max_num_iter: int,
    max_num_steps: int = DEFAULT_MAX_STEPS,
    *,
    dtype: Any = None,
    num_threads: int | None = None,
    hooks: Hooks = Hooks(),  # noqa: B008 - frozen
) -> Record:
    """`march` with steps and gaps chosen so that the bound at the last time is below ``target``.

    The image is computed in float64 where rounding in its own dtype would stand in the way.

    Raises
    ------
    TooManySteps
        More than ``max_num_steps`` are needed. That is known after the pilot.
    """
    span = wanted[-1] - begin
    nodes = _with(wanted, begin + span * np.geomspace(1 / 200, 1.0, _PILOT_STEPS)[:-1], begin)
    costs: list[float] = []

    def watch(index: int, time: float, outcome: Any, bound: Any, image: Any) -> bool:
        terms = outcome.terms
        costs.append(max(terms.integral - 2 * terms.gap, 0.0))
        listener = hooks.after_step
        return listener is not None and listener(index, time, outcome, bound, image) is True

    def run(stage: str, goal: Goal, budget: np.ndarray | None) -> Record:
        costs.clear()
        if hooks.stage is not None:
            hooks.stage(stage, len(nodes))
        return march(
            energy, state, begin, nodes, np.isin(nodes, wanted), goal,
            gap_budget=budget, dtype=dtype, num_threads=num_threads,
            hooks=replace(hooks, after_step=watch),
        )  # fmt: skip

    available = max(target**2 - state.bound.distance**2, 0.0)
    record = run(CHOOSING, Goal(1e-2, max_num_iter), None)
    spent, safety = record.iterations, 0.9
    for attempt in range(_ATTEMPTS):
        if record.statuses[-1] is Status.STOPPED or available == 0:
            break
        edges = np.concatenate([[begin], nodes])
        share = (1 - _SOLVER_SHARE) * safety * available
        density = _density(np.array(costs), share)
        if attempt:  # a wide gap hides what a step costs: keep every step
            density = np.maximum(density, 1.0)
        slack = 0.5 * _SOLVER_SHARE * safety * available / span  # the gap allowed in unit time
        count = float(density.sum())
        if _rounds_too_much(energy, state, span, count, slack, target):
            state = in_double(state)
        if count > max_num_steps:
            if attempt:
                break
            tau = (edges[1] - begin) / density[0]
            seconds = _seconds(energy, state, begin, tau, slack, max_num_iter, num_threads)
            raise TooManySteps(count, count * seconds, max_num_steps, _loss(count / max_num_steps))
        nodes = _divide(edges, density, wanted)
        gaps = slack * np.diff(nodes, prepend=begin)
        record = run(FLOWING, Goal(0.0, max_num_iter), gaps)
        spent += record.iterations
        if record.bounds[-1].distance <= target:
            break
        safety *= 0.9 * available / max(record.bounds[-1].distance ** 2, available)
    record.iterations = spent
    failed = [s for s in record.statuses if not s.ok]
    if record.bounds[-1].distance > target and Status.STOPPED not in failed:
        failed.append(Status.ACCURACY_NOT_MET)
    record.statuses = failed or [Status.CONVERGED]
    return record


def _density(costs: np.ndarray, budget: float) -> np.ndarray:
    """How many steps take the place of each that cost so much: ``(c / theta)^(1/q)``.

    With the theta for which ``theta * sum((c / theta)^(1/q)) = budget``.
    """
    roots = costs ** (1 / _ORDER)
    total = float(roots.sum())
    if total == 0:
        return np.full(costs.shape, _FEWEST)
    with np.errstate(over="ignore"):  # of an accuracy that cannot be had
        return np.clip(roots * (np.float64(total) / budget) ** (1 / (_ORDER - 1)), _FEWEST, _MOST)


def _loss(times: float) -> float:
    """The decibels that so many times fewer steps cost."""
    return 10 * (_ORDER - 1) * math.log10(times)


def _divide(edges: np.ndarray, density: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Nodes with so many steps between edges; the wanted times are among them."""
    cumulated = np.concatenate([[0.0], np.cumsum(density)])
    count = max(1, int(np.ceil(cumulated[-1])))
    nodes = np.interp(np.linspace(0, cumulated[-1], count + 1)[1:-1], cumulated, edges)
    return _with(wanted, nodes, edges[0])


def _with(wanted: np.ndarray, nodes: np.ndarray, begin: float) -> np.ndarray:
    """The wanted times, and those of the nodes that are not next to one of them."""
    step = np.diff(nodes, prepend=begin)
    after = np.minimum(np.searchsorted(wanted, nodes), wanted.size - 1)
    near = np.minimum(abs(nodes - wanted[after]), abs(nodes - wanted[np.maximum(after - 1, 0)]))
    return np.union1d(nodes[near > 0.25 * step], wanted)


def _rounds_too_much(
    energy: Energy, state: PartState, span: float, count: float, slack: float, target: float
) -> bool:
    """Whether ``count`` steps in the dtype of the image would miss the target by rounding."""
    image = state.image
    size = float(abs(image).max())
    floor = count / span * rounding_floor(image, energy, span / count, size)
    stored = count * _ROUNDED * epsilon(image) * size * math.sqrt(math.prod(image.shape))
    return floor > 0.5 * slack or stored > 0.05 * target


def _seconds(
    energy: Energy,
    state: PartState,
    begin: float,
    tau: float,
    slack: float,
    max_num_iter: int,
    num_threads: int | None,
) -> float:
    """Seconds per step, measured on steps 11 to 20: the first ten compile and warm up."""
    nodes = begin + tau * np.arange(1, 2 * _TIMED_STEPS + 1)
    seen: list[float] = []
    march(
        energy, state, begin, nodes, np.zeros(nodes.size, bool), Goal(0.0, max_num_iter),
        gap_budget=np.full(nodes.size, slack * tau), num_threads=num_threads,
        hooks=Hooks(after_step=lambda *report: seen.append(perf_counter())),
    )  # fmt: skip
    return (seen[-1] - seen[_TIMED_STEPS - 1]) / _TIMED_STEPS
