"""The one time loop: implicit Euler steps of one image, the certificate carried along."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from ..core.namespace import Array
from ..core.status import Status
from ..functionals.certificate import Bound
from ..functionals.total_variation import TotalVariation
from ..solvers.rof import Goal, Momentum, Outcome, make_dual, rounding_floor, solve
from .result import PartState, Step

Callback = Callable[[Step], object]


@dataclass
class Record:
    """What was kept on the way: a frame, the worst gap and the bound for every kept time."""

    times: list[float] = field(default_factory=list)
    frames: list[Array] = field(default_factory=list)
    gaps: list[float] = field(default_factory=list)
    bounds: list[Bound] = field(default_factory=list)
    statuses: list[Status] = field(default_factory=list)
    iterations: int = 0
    num_steps: int = 0
    state: PartState | None = None


def fresh_state(image: Array) -> PartState:
    """The state at time zero."""
    return PartState(image, None, None, Bound(), Momentum())


def march(
    functional: TotalVariation,
    state: PartState,
    begin: float,
    nodes: np.ndarray,
    keep: np.ndarray,
    goal: Goal,
    *,
    gap_budget: np.ndarray | None = None,
    num_threads: int | None = None,
    fast: bool = True,
    after_step: Callable[[int, float, Outcome, Bound, Callable[[], Array]], object] | None = None,
) -> Record:
    """March through ``nodes`` from time ``begin``, keeping the frames at the nodes ``keep`` marks.

    ``gap_budget`` is an absolute gap allowed in each step (beside the relative tolerance of
    ``goal``). ``after_step(index, time, outcome, bound, image)`` may return True to stop.
    """
    dual = make_dual(state.image, functional, num_threads, fast)
    if state.flux is not None:
        dual.set_flux(state.flux, state.extrapolated)
    momentum, bound, time = state.momentum, state.bound, begin
    record, worst = Record(), 0.0
    floor_rate = rounding_floor(state.image, functional, 1.0)
    for index, node in enumerate(nodes):
        tau = float(node - time)
        budget = goal.gap if gap_budget is None else float(gap_budget[index])
        step_goal = Goal(goal.tol, goal.max_num_iter, budget, floor_rate * tau)
        outcome = solve(dual, tau, step_goal, limit_momentum(momentum))
        momentum, time = outcome.momentum, float(node)
        bound = bound.after(outcome.terms)
        record.iterations += outcome.iterations
        record.num_steps += 1
        record.statuses.append(outcome.status)
        worst = max(worst, outcome.terms.relative_gap)
        stop = after_step is not None and (
            after_step(index, time, outcome, bound, lambda: dual.image) is True
        )
        if keep[index] or stop:
            record.times.append(time)
            record.frames.append(dual.image)
            record.gaps.append(worst)
            record.bounds.append(bound)
            worst = 0.0
        dual.advance()
        if stop:
            record.statuses.append(Status.STOPPED)
            break
    image = record.frames[-1] if record.frames else state.image
    record.state = PartState(image, dual.flux, dual.extrapolated, bound, momentum)
    return record


def limit_momentum(momentum: Momentum) -> Momentum:
    """Carry momentum into the next step with a memory of about one step's iterations."""
    t = min(momentum.t, max(1.0, float(momentum.expected)))
    return Momentum(t, momentum.expected, momentum.relaxation)
