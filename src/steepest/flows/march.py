"""The time loop: implicit Euler steps of one image, with the certificate updated in every step."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from ..convex.certificate import Bound, StepTerms
from ..convex.dual import Dual
from ..convex.energy import Energy
from ..convex.registry import make_dual
from ..convex.solve import (
    Goal,
    Momentum,
    Outcome,
    needs_double,
    rounding_floor,
    solve_step,
    useful_share,
)
from ..core.namespace import Array, cast, is_torch, magnitude, sum64, to_float64
from ..core.status import Status
from .flux_guess import Guess
from .result import PartState

NEGLIGIBLE = 1e-4  # share of the contrast energy below which the energy of a step is not resolved


@dataclass(frozen=True)
class Hooks:
    """Callbacks of a march.

    ``guess(index, start, end)`` returns a feasible flux to start a step with, ``watch(terms,
    iterations)`` is called at every measurement, ``trace(index, time, tau, dual)`` and
    ``after_step(index, time, outcome, bound, image)`` after each step, ``stage(name, num_steps)``
    before each of several stages. ``watch`` and ``after_step`` return True to stop the march.
    """

    guess: Guess | None = None
    watch: Callable[[StepTerms, int], object] | None = None
    trace: Callable[[int, float, float, Dual], object] | None = None
    after_step: Callable[[int, float, Outcome, Bound, Callable[[], Array]], object] | None = None
    stage: Callable[[str, int], object] | None = None


@dataclass
class Record:
    """Record of a march: a frame, the largest gap and the bound for every kept time.

    ``frames[0]`` is left for the image at the beginning.
    """

    frames: Array
    times: list[float] = field(default_factory=list)
    gaps: list[float] = field(default_factory=list)
    bounds: list[Bound] = field(default_factory=list)
    statuses: list[Status] = field(default_factory=list)
    iterations: int = 0
    num_steps: int = 0
    state: PartState | None = None
    last: StepTerms | None = None


def fresh_state(image: Array, expected: int | None = None) -> PartState:
    """The state at time zero; the gap is first measured after the ``expected`` iterations."""
    momentum = Momentum() if expected is None else Momentum(expected=expected)
    return PartState(image, None, None, Bound(), momentum)


def march(
    energy: Energy,
    state: PartState,
    begin: float,
    nodes: np.ndarray,
    keep: np.ndarray,
    goal: Goal,
    *,
    dtype: Any = None,
    gap_budget: np.ndarray | None = None,
    num_threads: int | None = None,
    hooks: Hooks = Hooks(),
    cold: bool = False,
    warm: bool = True,
) -> Record:
    """March through ``nodes`` from time ``begin``, and keep the frames at the nodes in ``keep``.

    ``gap_budget`` is the absolute gap allowed in each step, besides the relative one of ``goal``.
    ``cold``: a single step that stands alone. Without ``warm``, the last state lacks that of the
    solver, which is four images. If a step is too long for float32 (see `needs_double`), the flow
    goes on in float64, and only the frames have the ``dtype``.
    """
    dtype = state.image.dtype if dtype is None else dtype
    dual = _resume(state, energy, num_threads, cold)
    working, momentum, bound, time = state.image, state.momentum, state.bound, begin
    size = magnitude(state.image)
    record, worst = Record(_empty_frames(state.image, 2 + int(np.sum(keep)), dtype)), 0.0
    last: tuple[Outcome, float] | None = None
    for index, node in enumerate(nodes):
        tau = float(node - time)
        budget = goal.gap if gap_budget is None else float(gap_budget[index])
        step_goal = Goal(goal.tol, goal.max_num_iter, budget, 0.0, goal.reference)
        coarse = needs_double(working, energy, tau, size)
        allowed = _allowed(step_goal, dual, last[0], tau) if coarse and last is not None else 0.0
        double = coarse and needs_double(working, energy, tau, size, allowed)
        if double:
            standing = state if last is None else _standing(dual, bound, momentum)
            dual = _resume(in_double(standing), energy, num_threads, cold)
            working = to_float64(working)
        if double or not coarse:  # else a stop is due to slow iterations
            step_goal = replace(step_goal, floor=rounding_floor(working, energy, tau, size))
        if last is not None and energy.one_homogeneous:
            momentum = _shrink(dual, *last, tau, momentum)
        guess = None if hooks.guess is None else hooks.guess(index, time, float(node))
        if guess is not None:
            guess = cast(guess, working.dtype)
        frame = record.frames[len(record.times) + 1]
        dual.target = frame if keep[index] else None
        outcome = solve_step(
            dual,
            tau,
            step_goal,
            limit_momentum(momentum),
            guess=guess,
            cold=cold,
            watch=hooks.watch,
        )
        momentum, time, last = outcome.momentum, float(node), (outcome, tau)
        bound = bound.after(outcome.terms)
        record.iterations += outcome.iterations
        record.num_steps += 1
        record.statuses.append(outcome.status)
        worst = max(worst, outcome.relative_gap)
        if hooks.trace is not None:
            hooks.trace(index, time, tau, dual)
        image = partial(_image_of, dual)
        stop = outcome.status is Status.STOPPED or (
            hooks.after_step is not None
            and hooks.after_step(index, time, outcome, bound, image) is True
        )
        if keep[index] or stop:
            _keep(record, frame, time, dual, working.dtype, worst, bound)
            worst = 0.0
        record.last = outcome.terms
        dual.advance()
        if stop:
            record.statuses.append(Status.STOPPED)
            break
    record.state = state if last is None else _standing(dual, bound, momentum, warm=warm)
    return record


def _allowed(goal: Goal, dual: Dual, last: Outcome, tau: float) -> float:
    """About the gap that will be allowed in a step of one image; 0 where it is on an accelerator.

    The energy of the step is at most ``tau J`` and at most that of the contrast, and not much less.
    """
    if is_torch(dual.image):
        return 0.0
    return goal.allowed(min(tau * last.terms.value, contrast_energy(dual.image)))


def _shrink(
    dual: Dual, outcome: Outcome, before: float, tau: float, momentum: Momentum
) -> Momentum:
    """Shrink the flux of the last step if the image would vanish within the next step."""
    share = useful_share(outcome.terms, before, tau)
    if share == 1:
        return momentum
    dual.shrink_flux(share)
    return Momentum(1.0, momentum.expected, momentum.relaxation)


def _empty_frames(image: Array, count: int, dtype: Any) -> Array:
    """Allocate all frames in one piece, which is faster to fill than one array per frame."""
    shape = (count, *image.shape)
    if is_torch(image):
        return image.new_empty(shape, dtype=dtype)
    return np.empty(shape, dtype)


def _keep(
    record: Record, frame: Array, time: float, dual: Dual, dtype: Any, worst: float, bound: Bound
) -> None:
    """Add a frame, and add the error of the conversion from the ``dtype`` of the solver."""
    record.times.append(time)
    dual.write_image(frame)
    record.gaps.append(worst)
    if dtype != frame.dtype:
        bound = bound.moved(distance(frame, dual.image))
    record.bounds.append(bound)


def _standing(dual: Dual, bound: Bound, momentum: Momentum, *, warm: bool = True) -> PartState:
    """Return the state of a solver after a measured step."""
    return PartState(dual.image, dual.flux, dual.warm if warm else None, bound, momentum)


def in_double(state: PartState) -> PartState:
    """Convert a state to float64."""
    return state.mapped(to_float64)


def contrast_energy(image: Array) -> float:
    """Compute ``1/2||u - mean u||^2`` in float64, with one mean per channel."""
    return sum(0.5 * sum64((c - c.mean()) ** 2) for c in to_float64(image))


def _image_of(dual: Dual) -> Array:
    return dual.image


def _resume(state: PartState, energy: Energy, num_threads: int | None, alone: bool) -> Dual:
    """Create a dual solver that continues from ``state``."""
    dual = make_dual(state.image, energy, num_threads)
    dual.alone = alone
    if state.warm is not None:
        dual.warm = state.warm
    return dual


def distance(a: Array, b: Array) -> float:
    """L2 distance in float64, rounded up. It is 0 if both arguments are the same array."""
    if a is b:
        return 0.0
    difference = to_float64(a) - to_float64(b)
    return math.sqrt(sum64(difference * difference)) * (1 + 1e-9)


def limit_momentum(momentum: Momentum) -> Momentum:
    """Limit the momentum carried into the next step to about the iterations of one step."""
    t = min(momentum.t, max(1.0, float(momentum.expected)))
    return Momentum(t, momentum.expected, momentum.relaxation)
