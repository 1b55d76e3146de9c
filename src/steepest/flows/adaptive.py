"""Choosing steps and gaps for a certified accuracy that the user asks for.

A step of length tau adds about ``kappa tau^q`` to the certificate. The fewest steps for a given
sum are those that all add the same, ``theta``. A pilot of a few coarse steps measures what each
stretch of time costs; from ``c`` for a pilot step follow ``(c/theta)^(1/q)`` steps in its place,
each adding theta, and theta is what makes the sum meet the budget. Each run is itself certified
and serves as the next pilot if the bound should miss the target.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ..convex.energy import Energy
from ..convex.solve import Goal
from ..core.status import Status
from .march import Hooks, Record, march
from .result import PartState

_ORDER = 2.4  # q; chosen by measuring: 2.8 and 3.2 miss the target more often
_SOLVER_SHARE = 0.85  # of the budget; short warm-started steps cost few iterations, small gaps many
_PILOT_STEPS = 10
_ATTEMPTS = 5
_MOST_STEPS = 20000


def march_to_accuracy(
    energy: Energy,
    state: PartState,
    begin: float,
    wanted: np.ndarray,
    target: float,
    max_num_iter: int,
    *,
    dtype: Any = None,
    num_threads: int | None = None,
    hooks: Hooks = Hooks(),  # noqa: B008 - frozen
) -> Record:
    """`march` with steps and gaps chosen so that the bound at the last time is below ``target``."""
    span = wanted[-1] - begin
    nodes = begin + span * np.geomspace(1 / 200, 1.0, _PILOT_STEPS)
    nodes[-1] = wanted[-1]
    costs: list[float] = []

    def watch(index: int, time: float, outcome: Any, bound: Any, image: Any) -> bool:
        terms = outcome.terms
        costs.append(max(terms.integral - 2 * terms.gap, 0.0))
        listener = hooks.after_step
        return listener is not None and listener(index, time, outcome, bound, image) is True

    def run(nodes: np.ndarray, goal: Goal, budget: np.ndarray | None, watcher: Any) -> Record:
        costs.clear()
        return march(
            energy, state, begin, nodes, np.isin(nodes, wanted), goal,
            gap_budget=budget, dtype=dtype, num_threads=num_threads,
            hooks=replace(hooks, after_step=watcher),
        )  # fmt: skip

    def quiet(*report: Any) -> bool:
        costs.append(max(report[2].terms.integral - 2 * report[2].terms.gap, 0.0))
        return False

    available = max(target**2 - state.bound.distance**2, 0.0)
    pilot = run(nodes, Goal(1e-2, max_num_iter), None, quiet)
    spent, safety = pilot.iterations, 0.9
    record = pilot
    for _ in range(_ATTEMPTS):
        edges = np.concatenate([[begin], nodes])
        theta = _level(np.array(costs), (1 - _SOLVER_SHARE) * safety * available)
        nodes = _divide(edges, np.array(costs), theta, wanted)
        gap = 0.5 * _SOLVER_SHARE * safety * available * np.diff(nodes, prepend=begin) / span
        record = run(nodes, Goal(0.0, max_num_iter), gap, watch)
        spent += record.iterations
        reached = record.bounds[-1].distance <= target
        stopped = record.statuses[-1] is Status.STOPPED
        if reached or stopped or len(nodes) >= _MOST_STEPS:
            break
        safety *= 0.9 * available / max(record.bounds[-1].distance ** 2, available)
    record.iterations = spent
    failed = [s for s in record.statuses if not s.ok]
    if record.bounds[-1].distance > target:
        failed.append(Status.ACCURACY_NOT_MET)
    record.statuses = failed or [Status.CONVERGED]
    return record


def _level(costs: np.ndarray, budget: float) -> float:
    """theta with ``theta * sum((c / theta)^(1/q)) = budget``."""
    total = float((costs ** (1 / _ORDER)).sum())
    if total == 0 or budget <= 0:
        return float(np.finfo(float).tiny)
    return max((budget / total) ** (_ORDER / (_ORDER - 1)), float(np.finfo(float).tiny))


def _divide(edges: np.ndarray, costs: np.ndarray, theta: float, wanted: np.ndarray) -> np.ndarray:
    """Nodes so that every step adds about theta; the wanted times are among them."""
    with np.errstate(over="ignore"):  # of an accuracy that cannot be had
        density = np.clip((costs / theta) ** (1 / _ORDER), 1e-3, _MOST_STEPS)
    cumulated = np.concatenate([[0.0], np.cumsum(density)])
    cumulated *= min(1.0, _MOST_STEPS / cumulated[-1])
    count = max(1, int(np.ceil(cumulated[-1])))
    nodes = np.interp(np.linspace(0, cumulated[-1], count + 1)[1:-1], cumulated, edges)
    step = np.diff(nodes, prepend=edges[0]) if nodes.size else nodes
    if nodes.size:
        near = np.abs(nodes[:, None] - wanted[None]).min(1)
        nodes = nodes[near > 0.25 * step]
    return np.union1d(nodes, wanted)
