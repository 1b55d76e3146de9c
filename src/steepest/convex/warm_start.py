"""Starting one ROF problem from a flux that somebody else suggests."""

from __future__ import annotations

from dataclasses import replace

from ..core.namespace import Array
from ..core.status import Status
from .solve import Dual, Goal, Momentum, Outcome

_FIRST_LOOK = 10  # iterations at most before the gap is measured, after a good start


def try_flux(
    dual: Dual, candidate: Array, tau: float, goal: Goal, momentum: Momentum
) -> tuple[Momentum, Outcome | None]:
    """Replace the flux of ``dual`` by ``candidate`` where that has the smaller dual energy.

    The candidate lies in the dual ball. Twice the difference of dual energies to the minimum bounds
    the squared distance to the solution, so that the smaller of the two is never the worse start by
    this measure, whatever was suggested. Costs two measurements (about four iterations).

    Returns
    -------
    momentum, outcome
        Momentum to go on with (none after a replacement), and the outcome if the chosen flux
        meets the goal as it is, else None.
    """
    dual.set_step(tau, momentum.relaxation)
    terms, standing = dual.measure(), (dual.flux, dual.extrapolated)
    dual.set_flux(candidate)
    suggested = dual.measure()
    better = suggested.dual_energy < terms.dual_energy
    if better:
        expected = min(momentum.expected, _FIRST_LOOK)
        terms, momentum = suggested, replace(momentum, t=1.0, expected=expected)
    else:
        dual.set_flux(*standing)
    status = goal.reached(terms, 0)
    if status not in (Status.CONVERGED, Status.ROUNDING):
        return momentum, None
    if not better:
        dual.measure()  # its image is now that of the standing flux
    return momentum, Outcome(terms, goal.relative_gap(terms), 0, status, momentum)
