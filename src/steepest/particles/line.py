"""The flow of points on a line towards other points, exact in time or by implicit Euler.

With sorted points ``g_i``, ``s_i = (i - 1/2) / N`` and the distribution function R of the target,
the flow of the energy distance is ``dg_i/dt = 2 (s_i - R(g_i))``. It is the gradient flow in
``L2(0, 1)`` of the convex ``J(g) = mean(A(g_i) - (2 s_i - 1) g_i)``, where
``A(x) = sum_j w_j |x - y_j|``. So the certificate of any convex flow holds (`convex.certificate`).
The distance in L2 is the Wasserstein distance W2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..convex.certificate import Bound, StepTerms
from ..core.arrays import as_array
from ..core.compiled import exact_kernel
from ..core.errors import InputError
from ..core.namespace import detached
from ..core.numbers import check_count, check_numbers

_EPS = float(np.finfo(np.float64).eps)


@dataclass(frozen=True, eq=False)
class PointFlow:
    """Points at several times.

    Attributes
    ----------
    times : float64 array (T,)
    points : float64 array (T, N)
        The points in increasing order.
    discrepancy : float64 array (T,)
        Energy distance F to the target.
    error_bound : float64 array (T,)
        Bound on the distance W2 (root of the mean squared distance of matched points) to the exact
        flow of the N points.
    """

    times: np.ndarray
    points: np.ndarray
    discrepancy: np.ndarray
    error_bound: np.ndarray


def flow(
    points: Any,
    target: Any,
    times: Any,
    *,
    weights: Any = None,
    num_steps: int | None = None,
) -> PointFlow:
    """Move points on a line along the gradient flow of the energy distance to a target.

    ``dx_i/dt = -N grad_i F`` with
    ``F = mean |x_i - y_j| - 1/2 mean |x_i - x_k| - 1/2 mean |y_j - y_l|``. Equal points are
    separated as the steepest descent of measures demands: an atom spreads at once.

    Parameters
    ----------
    points : array (N,)
        Points at time 0, of mass 1/N each.
    target : array (M,)
        Points of the target.
    times : float or increasing array (T,)
        Times, positive or 0.
    weights : array (M,), optional
        Masses of the target points, not negative (default: all equal). Only ratios matter.
    num_steps : int, optional
        Use this number of implicit Euler steps between successive times, in O((N + M) log (N + M))
        each. By default, the flow is exact: the speed of each point is constant between target
        points, which takes up to O(N M) operations.

    Returns
    -------
    PointFlow

    Raises
    ------
    InputError
        If an argument is not finite, of the wrong shape or out of range.

    References
    ----------
    Hertrich, Gräf, Beinert & Steidl, *Wasserstein steepest descent flows of discrepancies with
    Riesz kernels*, J. Mathematical Analysis and Applications 531 (2024) 127829 (the flow on
    quantile functions).
    """
    start, place = np.sort(_line(points, "points")), _line(target, "target")
    moments = np.atleast_1d(check_numbers(times, "times"))
    if moments.ndim != 1 or moments.size == 0 or moments[0] < 0 or (np.diff(moments) <= 0).any():
        raise InputError(f"times={times!r}; allowed are increasing numbers from 0")
    steps = None if num_steps is None else check_count(num_steps, "num_steps")
    mass = np.ones(len(place)) if weights is None else _line(weights, "weights")
    if mass.shape != place.shape or (mass < 0).any() or not mass.any():
        raise InputError(
            f"weights of shape {mass.shape}; allowed are {len(place)} numbers from 0, not all 0"
        )
    order = np.argsort(place, kind="stable")
    atoms, share = place[order], np.concatenate([[0.0], np.cumsum(mass[order])])
    share /= share[-1]
    levels = (np.arange(len(start)) + 0.5) / len(start)
    result = np.empty((len(moments), len(start)))
    bounds = np.zeros(len(moments))
    if steps is None:
        _walk(start, levels, atoms, share, moments, result)
        size = np.abs(np.concatenate([start, atoms])).max() + 2 * moments
        bounds[:] = 4 * _EPS * (len(atoms) + 4) * size  # rounding of each event
    else:
        state, bound, now = start, Bound(), 0.0
        for k, moment in enumerate(moments):
            for i in range(steps):
                tau = (moment - now) / (steps - i)
                if tau > 0:
                    new = euler_step(state, levels, atoms, share, tau)
                    bound = bound.after(_terms(state, new, levels, atoms, share, tau))
                    state, now = new, now + tau
            result[k], bounds[k] = state, bound.distance
    values = np.array([_discrepancy(each, atoms, share) for each in result])
    return PointFlow(moments, result, values, bounds)


def _line(values: Any, name: str) -> np.ndarray:
    array = check_numbers(detached(as_array(values, name)), name)
    if array.ndim != 1 or array.size == 0:
        raise InputError(f"{name} has shape {array.shape}; allowed is (n,)")
    return array


def euler_step(
    state: np.ndarray, levels: np.ndarray, atoms: np.ndarray, share: np.ndarray, tau: float
) -> np.ndarray:
    """Solve ``g + 2 tau R(g) = state + 2 tau levels`` exactly, for sorted points and atoms."""
    right = state + 2 * tau * levels
    # Atom j catches the right-hand sides from y_j + 2 tau R(y_j-) to y_j + 2 tau R(y_j)
    passed = np.searchsorted(atoms + 2 * tau * share[1:], right)
    ahead = np.append(atoms, np.inf)[passed]
    return np.asarray(np.minimum(right - 2 * tau * share[passed], ahead))


def _terms(
    start: np.ndarray,
    stop: np.ndarray,
    levels: np.ndarray,
    atoms: np.ndarray,
    share: np.ndarray,
    tau: float,
) -> StepTerms:
    """The certificate's terms of one step; the norm is the root of the mean square."""
    slope = (start - stop) / tau + 2 * levels - 1  # a subgradient of A at ``stop``
    size = float(np.abs(np.concatenate([start, stop, atoms])).max())
    moved = np.clip(slope, -1, 1)  # feasible; what it was clipped by is rounding
    ends = stop + tau * (slope - moved)
    at = [_potential(x, atoms, share) for x in (start, (start + ends) / 2, ends)]
    # A* at a slope is attained at the quantile of (1 + slope) / 2
    quantile = np.searchsorted(share[1:], (1 + moved) / 2).clip(0, len(atoms) - 1)
    peak = atoms[quantile]
    conjugate = moved * peak - _potential(peak, atoms, share)
    slack = [
        float(np.maximum(a + conjugate - moved * x, 0).mean())
        for a, x in zip(at, (start, (start + ends) / 2, ends), strict=True)
    ]
    allowance = 2 * tau * _EPS * 16 * (len(atoms) + 16) * size
    values = [float((a - (2 * levels - 1) * x).mean()) for a, x in ((at[0], start), (at[2], ends))]
    return StepTerms(
        gap=tau * slack[2],
        primal=0.5 * float(((stop - start) ** 2).mean()) + tau * values[1],
        dual_energy=0.0,
        integral=0.5 * tau * (slack[0] + 2 * slack[1] + slack[2]) + allowance,
        residual=float(np.sqrt(((stop - ends) ** 2).mean())) + 8 * _EPS * (size + 2 * tau),
        value=values[1],
        start_value=values[0],
        allowance=allowance,
    )


def _potential(x: np.ndarray, atoms: np.ndarray, share: np.ndarray) -> np.ndarray:
    """``A(x) = sum_j w_j |x - y_j|`` by prefix sums."""
    moment = np.concatenate([[0.0], np.cumsum(np.diff(share) * atoms)])
    k = np.searchsorted(atoms, x)
    return np.asarray(x * (2 * share[k] - 1) + moment[-1] - 2 * moment[k])


def _discrepancy(points: np.ndarray, atoms: np.ndarray, share: np.ndarray) -> float:
    """``F = int (R_mu - R_nu)^2`` for sorted points and atoms."""
    breaks = np.sort(np.concatenate([points, atoms]))
    own = np.searchsorted(points, breaks[:-1], "right") / len(points)
    other = share[np.searchsorted(atoms, breaks[:-1], "right")]
    return float((np.diff(breaks) * (own - other) ** 2).sum())


@exact_kernel
def _walk(start, levels, atoms, share, times, result):  # type: ignore[no-untyped-def]
    """Follow each point to its quantile of the target, from one atom to the next."""
    for i in range(len(start)):
        x, s, now, j = start[i], levels[i], 0.0, 0
        before = np.searchsorted(atoms, x)
        k = np.searchsorted(atoms, x, "right")
        right = share[k] < s
        if not right:
            k = before
        held = share[before] <= s and not right
        while not held:
            goal = atoms[k] if right else atoms[k - 1]
            speed = 2 * (s - share[k])
            arrival = now + (goal - x) / speed
            while j < len(times) and times[j] < arrival:
                result[j, i] = x + speed * (times[j] - now)
                j += 1
            if j == len(times):
                break
            x, now = goal, arrival
            k += 1 if right else -1
            held = share[k] >= s if right else share[k] <= s
        result[j:, i] = x
