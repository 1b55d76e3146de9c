"""The one time loop: implicit Euler steps of one image, the certificate carried along."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from ..convex.certificate import Bound
from ..convex.multilevel import correct
from ..convex.solve import (
    Dual,
    Goal,
    Momentum,
    Outcome,
    make_dual,
    needs_double,
    rounding_floor,
    solve,
    useful_share,
)
from ..convex.total_variation import TotalVariation
from ..convex.warm_start import try_flux
from ..core.namespace import Array, cast, sum64, to_float64
from ..core.status import Status
from .flux_guess import Guess
from .result import PartState, Step

Callback = Callable[[Step], object]
Trace = Callable[[int, float, float, Dual], object]
NEGLIGIBLE = 1e-4  # share of the contrast energy below which a step is not resolved


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
    dtype: Any = None,
    gap_budget: np.ndarray | None = None,
    num_threads: int | None = None,
    after_step: Callable[[int, float, Outcome, Bound, Callable[[], Array]], object] | None = None,
    guess: Guess | None = None,
    trace: Trace | None = None,
) -> Record:
    """March through ``nodes`` from time ``begin``, keeping the frames at the nodes ``keep`` marks.

    ``gap_budget`` is an absolute gap allowed in each step (beside the relative tolerance of
    ``goal``). ``guess(index, start, end)`` suggests a flux to start a step with. After it,
    ``trace(index, time, tau, dual)`` sees the solved dual, and
    ``after_step(index, time, outcome, bound, image)`` may return True to stop. Frames have the
    given ``dtype`` (default: the state's); once steps are too long for float32 (see
    `needs_double`), the flow goes on in float64 all the same.
    """
    dtype = state.image.dtype if dtype is None else dtype
    dual = _resume(state, functional, num_threads)
    working, momentum, bound, time = state.image, state.momentum, state.bound, begin
    size = float(abs(state.image).max())
    record, worst = Record(), 0.0
    last: tuple[Outcome, float] | None = None
    for index, node in enumerate(nodes):
        tau = float(node - time)
        if needs_double(working, functional, tau, size):
            standing = state if last is None else _standing(dual, bound, momentum)
            dual = _resume(_in_double(standing), functional, num_threads)
            working = to_float64(working)
        budget = goal.gap if gap_budget is None else float(gap_budget[index])
        floor = rounding_floor(working, functional, tau, size)
        step_goal = replace(goal, gap=budget, floor=floor)
        if last is not None and functional.one_homogeneous:
            momentum = _shrink(dual, *last, tau, momentum)
        suggested = None if guess is None else guess(index, time, float(node))
        outcome = _solve_step(dual, functional, tau, step_goal, momentum, suggested)
        momentum, time, last = outcome.momentum, float(node), (outcome, tau)
        bound = bound.after(outcome.terms)
        record.iterations += outcome.iterations
        record.num_steps += 1
        record.statuses.append(outcome.status)
        worst = max(worst, outcome.relative_gap)
        if trace is not None:
            trace(index, time, tau, dual)
        stop = after_step is not None and (
            after_step(index, time, outcome, bound, partial(_image_of, dual)) is True
        )
        if keep[index] or stop:
            _keep(record, time, dual.image, dtype, worst, bound)
            worst = 0.0
        dual.advance()
        if stop:
            record.statuses.append(Status.STOPPED)
            break
    record.state = _standing(dual, bound, momentum)
    return record


def _shrink(
    dual: Dual, outcome: Outcome, before: float, tau: float, momentum: Momentum
) -> Momentum:
    """Shorten the last step's flux where the image would vanish within the next step."""
    share = useful_share(outcome.terms, before, tau)
    if share == 1:
        return momentum
    dual.shrink_flux(share)
    return Momentum(1.0, momentum.expected, momentum.relaxation)


def _solve_step(
    dual: Dual,
    functional: TotalVariation,
    tau: float,
    goal: Goal,
    momentum: Momentum,
    suggested: Array | None,
) -> Outcome:
    """One implicit Euler step, from the last flux or the suggested one if that is better."""
    momentum = limit_momentum(momentum)
    if suggested is not None:
        momentum, outcome = try_flux(dual, suggested, tau, goal, momentum)
        if outcome is not None:
            return outcome
    return solve(dual, tau, goal, momentum, lambda d: correct(d, functional))


def _keep(
    record: Record, time: float, image: Array, dtype: Any, worst: float, bound: Bound
) -> None:
    """Add a frame in its final dtype; what rounding to it costs goes into its bound."""
    frame = image if image.dtype == dtype else cast(image, dtype)
    record.times.append(time)
    record.frames.append(frame)
    record.gaps.append(worst)
    record.bounds.append(bound.moved(distance(frame, image)))


def _standing(dual: Dual, bound: Bound, momentum: Momentum) -> PartState:
    """Where a solver stands after a measured step."""
    return PartState(dual.image, dual.flux, dual.extrapolated, bound, momentum)


def _in_double(state: PartState) -> PartState:
    """The same state in float64."""
    if state.flux is None:
        return replace(state, image=to_float64(state.image))
    arrays = {name: to_float64(getattr(state, name)) for name in ("image", "flux", "extrapolated")}
    return replace(state, **arrays)


def contrast_energy(image: Array) -> float:
    """``1/2||u - mean u||^2``, the means per channel, in float64."""
    return sum(0.5 * sum64((c - c.mean()) ** 2) for c in to_float64(image))


def _image_of(dual: Dual) -> Array:
    return dual.image


def _resume(state: PartState, functional: TotalVariation, num_threads: int | None) -> Dual:
    """A dual solver where ``state`` stands."""
    dual = make_dual(state.image, functional, num_threads)
    if state.flux is not None:
        dual.set_flux(state.flux, state.extrapolated)
    return dual


def distance(a: Array, b: Array) -> float:
    """L2 distance in float64, 0 for one and the same array."""
    if a is b:
        return 0.0
    difference = to_float64(a) - to_float64(b)
    return math.sqrt(sum64(difference * difference)) * (1 + 1e-9)


def limit_momentum(momentum: Momentum) -> Momentum:
    """Carry momentum into the next step with a memory of about one step's iterations."""
    t = min(momentum.t, max(1.0, float(momentum.expected)))
    return Momentum(t, momentum.expected, momentum.relaxation)
