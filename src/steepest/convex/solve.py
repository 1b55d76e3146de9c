"""Solve one ROF problem (one implicit Euler step) to a relative duality gap, from a good start.

The method is accelerated projected gradient ascent on the dual (FISTA: Beck & Teboulle 2009) with
three changes, all based on measurements (docs/solver_methods):

- The dual step is 4/3 of ``1/L``, the largest for which every momentum factor below one is stable
  on a quadratic. If the dual energy rises twice in a row, the step falls back to ``1/L``.
- Momentum is *carried over* from one time step to the next, with its memory limited to the number
  of iterations of a step: extrapolation over iterations then also extrapolates the flux in time.
- Momentum restarts if, between two measurements, the dual energy rises or, close to the solution,
  the gap falls more slowly than 1/k. It is halved if the gap hardly falls far from the solution.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from ..core.namespace import Array, epsilon
from ..core.status import Status
from .certificate import StepTerms
from .dual import Dual, Iterative
from .energy import Energy

RELAXATION = 4.0 / 3.0
_LONG_STEP = 40  # expected iterations of a step that is measured before it begins
_WORTHWHILE = 0.4  # share of a correction's cost: longer steps are then corrected, too
_FIRST_LOOK = 40  # iterations before the next measurement of such a step
_CORRECT_ABOVE = 5e-3  # relative gap; below it, losing the momentum costs more than is gained
_FAR_OFF = 20.0  # times the allowed gap, where one correction is followed by another one
_RESTART_BELOW = 1e-4  # relative gap; above it, slow progress is no reason to restart
_SOME = 16  # iterations between measurements, after which a gap must have fallen by a tenth
_LONG = 50  # iterations between measurements needed to estimate the rate
_NEAR_FLOOR = 100.0  # a stalled gap below this many rounding floors is attributed to rounding
_HIDDEN = 0.25  # share of the allowed gap that rounding may hide
_WIDE = 1e15  # limit for scalars in float32, whose squares must stay below 1e38
_MOST_EXPECTED = 100  # iterations before the gap is first measured, at most
_NEXT_LOOK = 10  # the same after a good start

_UNKNOWN = StepTerms(math.inf, *[1.0] * 7)  # before the first measurement


@dataclass(frozen=True)
class Momentum:
    """Nesterov's sequence ``t``, and the number of iterations to expect from recent steps."""

    t: float = 1.0
    expected: int = 12
    relaxation: float = RELAXATION

    def factors(self, count: int) -> tuple[tuple[float, ...], float]:
        """The next ``count`` extrapolation factors ``(t - 1)/t+``, and the t after them."""
        return _factors(self.t, count)


@lru_cache(64)  # corrections on coarser grids start anew thousands of times
def _factors(t: float, count: int) -> tuple[tuple[float, ...], float]:
    betas = []
    for _ in range(count):
        following = (1 + math.sqrt(1 + 4 * t * t)) / 2
        betas.append((t - 1) / following)
        t = following
    return tuple(betas), t


@dataclass(frozen=True)
class Outcome:
    """The result of a step, solved or not."""

    terms: StepTerms
    relative_gap: float
    iterations: int
    status: Status
    momentum: Momentum


def useful_share(terms: StepTerms, tau: float, next_tau: float) -> float:
    """The best multiple a, in [0, 1], of the last flux: it minimises ``||u + next_tau a div p||``.

    It is below one only if the next step is longer than ``-<u, div p> / ||div p||^2``, the time in
    which the image would vanish at its present speed.
    """
    speed_squared = 2 * (terms.primal - tau * terms.value) / tau**2
    if speed_squared <= 0:
        return 0.0
    return min(max((terms.value - terms.gap / tau) / (next_tau * speed_squared), 0.0), 1.0)


def needs_double(f: Array, energy: Energy, tau: float, size: float, allowed: float = 0.0) -> bool:
    """Whether float32 is too coarse for a step; ``size`` is the largest magnitude in the image.

    It is if rounding of ``tau A* p`` exceeds 1e-6 of f and hides a quarter of the ``allowed`` gap,
    or squares of scalars may overflow.
    """
    if f.dtype.itemsize != 4:
        return False
    norm = energy.norm_squared(tuple(f.shape[1:]))
    moved = tau * math.sqrt(norm)  # change of the image by a unit flux
    narrow = not (moved < _WIDE and size < _WIDE * moved and 1 / _WIDE**2 < tau * norm < _WIDE**2)
    if narrow or float(np.finfo(np.float32).eps) * tau * energy.reach <= 1e-6 * size:
        return narrow
    return rounding_floor(f, energy, tau, size) > _HIDDEN * allowed


def rounding_floor(f: Array, energy: Energy, tau: float, size: float) -> float:
    """The absolute gap below which rounding in the dtype of ``f`` hides any progress (measured)."""
    eps, slope = epsilon(f), energy.reach
    noise = slope * eps * (size / 8 + tau * slope / 16)  # of A (f - tau A* p)
    if energy.smoothing > 0:  # the energy is quadratic there, so noise enters squared
        noise *= min(1.0, noise / (2 * energy.smoothing))
    return tau * noise * math.prod(f.shape)


@dataclass(frozen=True)
class Goal:
    """When a step is solved: at relative gap ``tol`` or absolute ``gap``, within ``max_num_iter``.

    The gap is relative to the energy of the step, or to ``reference`` if that is larger. ``floor``
    is the absolute gap below which rounding hides any progress.
    """

    tol: float
    max_num_iter: int
    gap: float = 0.0
    floor: float = 0.0
    reference: float = 0.0

    def relative_gap(self, terms: StepTerms) -> float:
        """The gap relative to energy or reference; 0 if both are 0."""
        scale = max(terms.primal, self.reference)
        return terms.gap / scale if scale > 0 else 0.0

    def allowed(self, energy: float) -> float:
        """The absolute gap allowed in a step of this energy."""
        return max(self.tol * max(energy, self.reference), self.gap)

    def excess(self, terms: StepTerms) -> float:
        """The gap divided by the allowed gap: at most one if the goal is reached."""
        allowed = self.allowed(terms.primal)
        return terms.gap / allowed if allowed > 0 else (math.inf if terms.gap > 0 else 0.0)

    def reached(self, terms: StepTerms, iterations: int) -> Status | None:
        """The status to end with, or None to continue."""
        if self.excess(terms) <= 1:
            return Status.CONVERGED
        if terms.gap <= self.floor:
            return Status.ROUNDING
        return Status.MAX_ITERATIONS if iterations >= self.max_num_iter else None


def solve(
    dual: Iterative,
    tau: float,
    goal: Goal,
    momentum: Momentum,
    watch: Callable[[StepTerms, int], object] | None = None,
) -> Outcome:
    """Iterate on the step of length ``tau`` until the goal is reached.

    `Dual.correct` is called after ``dual.correction_cost`` iterations, twice, four times as many
    ..., while the relative gap is above 5e-3; where it is far too large, corrections follow each
    other while each halves it. A step that is expected to be long is measured, and
    perhaps corrected, before the first iteration. The gap falls about like 1/k^2, which predicts
    when to measure next. ``watch(terms, iterations)`` is called at every measurement and after
    every ``dual.pause`` iterations, and stops the solver by returning True.
    """
    relaxation = momentum.relaxation
    dual.set_step(tau, relaxation)
    long = momentum.expected > max(_LONG_STEP, 4 * dual.chunk)
    done, chunk, rises, energy, gap = 0, 0 if long else momentum.expected, 0, math.inf, math.inf
    at_once = momentum.expected > max(_LONG_STEP, _WORTHWHILE * dual.correction_cost)
    next_correction, best, best_at = 0.0 if at_once else dual.correction_cost, math.inf, 0
    terms, stopped = _UNKNOWN, False
    while True:
        betas, t = momentum.factors(min(chunk, goal.max_num_iter - done))
        for start in range(0, len(betas), dual.pause):
            dual.iterate(betas[start : start + dual.pause])
            done += len(betas[start : start + dual.pause])
            if watch is not None and start + dual.pause < len(betas):
                stopped = watch(terms, done) is True
                if stopped:
                    break
        momentum = Momentum(t, momentum.expected, relaxation)  # `replace` takes 4 microseconds
        terms = dual.measure()
        status, excess = goal.reached(terms, done), goal.excess(terms)
        if terms.gap < 0.9 * best:
            best, best_at = terms.gap, done
        stalled = done - best_at >= dual.patience and terms.gap <= _NEAR_FLOOR * goal.floor
        if stalled and status is not Status.CONVERGED:
            status = Status.ROUNDING
        if stopped or (watch is not None and watch(terms, done) is True):
            status = status or Status.STOPPED
        if status is not None:
            wanted = done * min(max(math.sqrt(excess / 0.7), 0.6), 1.5)
            expected = min(max(round((momentum.expected + wanted) / 2), 2), _MOST_EXPECTED)
            momentum = Momentum(t, expected, relaxation)
            return Outcome(terms, goal.relative_gap(terms), done, status, momentum)
        rises = rises + 1 if terms.dual_energy > energy else 0
        near = goal.relative_gap(terms) < _RESTART_BELOW and len(betas) >= _LONG
        far = goal.relative_gap(terms) > _CORRECT_ABOVE
        slow = near and terms.gap > gap * (1 - len(betas) / (2 * momentum.t))
        if far and done - best_at >= _SOME:  # too much momentum: it swings
            momentum = replace(momentum, t=max(momentum.t / 2, 1.0))
        gap = terms.gap
        if rises or slow:
            dual.restart()
            momentum = replace(momentum, t=1.0)
            if rises > 1 and relaxation > 1.0:
                relaxation = 1.0
                dual.set_step(tau, relaxation)
        energy = terms.dual_energy
        if far and done >= next_correction:
            next_correction = max(2.0 * done, dual.correction_cost)
            while dual.correct(terms.dual_energy):
                momentum, before = replace(momentum, t=1.0), gap
                if excess < _FAR_OFF:
                    break
                terms = dual.measure()
                excess, gap, energy = goal.excess(terms), terms.gap, terms.dual_energy
                if excess < _FAR_OFF / 2 or gap > before / 2:
                    break
        ahead = done * (math.sqrt(min(excess, 4.0)) - 1) if done else _FIRST_LOOK
        chunk = max(dual.chunk, done // 16, min(round(ahead), 100))


def solve_step(
    dual: Dual,
    tau: float,
    goal: Goal,
    momentum: Momentum,
    *,
    guess: Array | None = None,
    cold: bool = False,
    watch: Callable[[StepTerms, int], object] | None = None,
) -> Outcome:
    """Solve ``argmin_v 1/2||v - f||^2 + tau J(v)`` from the flux of ``dual``, or a better one.

    ``guess`` is a feasible flux. If ``cold``, that of ``dual`` is no useful start: the step starts
    from coarser grids if there are any.
    """
    if guess is not None:
        momentum, outcome = try_flux(dual, guess, tau, goal, momentum)
        if outcome is not None:
            return outcome
    if cold:
        dual.set_step(tau, momentum.relaxation)
        coarse = dual.coarse_flux()
        if coarse is not None and guess is None:
            dual.set_flux(coarse)
        elif coarse is not None:
            momentum, outcome = try_flux(dual, coarse, tau, goal, momentum)
            if outcome is not None:
                return outcome
    return solve(dual, tau, goal, momentum, watch)


def try_flux(
    dual: Dual, candidate: Array, tau: float, goal: Goal, momentum: Momentum
) -> tuple[Momentum, Outcome | None]:
    """Replace the flux of ``dual`` by ``candidate``, in the ball, if its dual energy is smaller.

    Twice the excess of the dual energy bounds the squared distance to the solution. Returns the
    momentum to go on with, and the outcome if the chosen flux meets the goal already.
    """
    dual.set_step(tau, momentum.relaxation)
    terms, standing = dual.measure(), dual.warm
    dual.set_flux(candidate)
    suggested = dual.measure()
    better = suggested.dual_energy < terms.dual_energy
    if better:
        expected = min(momentum.expected, _NEXT_LOOK)
        terms, momentum = suggested, replace(momentum, t=1.0, expected=expected)
    else:
        dual.warm = standing
    status = goal.reached(terms, 0)
    if status not in (Status.CONVERGED, Status.ROUNDING):
        return momentum, None
    if not better:
        dual.measure()  # restores the image of the original flux
    return momentum, Outcome(terms, goal.relative_gap(terms), 0, status, momentum)
