"""One implicit Euler step: choose the starting flux and solve. Used by flows and denoising."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ..core.namespace import Array
from ..core.status import Status
from .certificate import StepTerms
from .dual import Dual
from .solve import Goal, Momentum, Outcome, solve

_FIRST_LOOK = 10  # iterations before the gap is measured after a good start, at most


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

    ``guess`` is a feasible flux suggested by the caller. ``cold=True`` says that the flux of
    ``dual`` is not a useful start; the step then starts from coarser grids if there are any. See
    `solve` for ``watch``.
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
    """Replace the flux of ``dual`` by ``candidate`` if that has the smaller dual energy.

    The candidate must lie in the dual ball. Twice the excess of the dual energy over its minimum
    bounds the squared distance to the solution, so by this measure the flux with the smaller energy
    is the better start. The cost is two measurements (about four iterations).

    Returns
    -------
    momentum : Momentum
        The momentum to continue with; it is reset after a replacement.
    outcome : Outcome or None
        The outcome if the chosen flux already meets the goal.
    """
    dual.set_step(tau, momentum.relaxation)
    terms, standing = dual.measure(), dual.warm
    dual.set_flux(candidate)
    suggested = dual.measure()
    better = suggested.dual_energy < terms.dual_energy
    if better:
        expected = min(momentum.expected, _FIRST_LOOK)
        terms, momentum = suggested, replace(momentum, t=1.0, expected=expected)
    else:
        dual.warm = standing
    status = goal.reached(terms, 0)
    if status not in (Status.CONVERGED, Status.ROUNDING):
        return momentum, None
    if not better:
        dual.measure()  # restores the image of the original flux
    return momentum, Outcome(terms, goal.relative_gap(terms), 0, status, momentum)
