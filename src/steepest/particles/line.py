"""The flow of points on a line towards other points, exact in time or by implicit Euler.

With sorted points ``g_i``, ``s_i = (i - 1/2) / N`` and the distribution function R of the target,
the flow of the energy distance is ``dg_i/dt = 2 (s_i - R(g_i))``. It is the gradient flow in
``L2(0, 1)`` of the convex ``J(g) = mean(A(g_i) - (2 s_i - 1) g_i)``, where
``A(x) = sum_j w_j |x - y_j|``. So the certificate of any convex flow holds (`convex.certificate`).
The distance in L2 is the Wasserstein distance W2.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from ..convex.certificate import Bound, StepTerms
from ..core.compiled import exact_kernel
from ..core.progress import Reporter

_EPS = float(np.finfo(np.float64).eps)


def equal_steps(start: float, stop: float, count: int) -> Iterator[float]:
    """Yield ``count`` equal lengths that add up to the way from ``start`` to ``stop``."""
    for left in range(count, 0, -1):
        length = (stop - start) / left
        if length > 0:
            start += length
            yield length


def march(
    times: np.ndarray, counts: list[int], step: Callable[[float], np.ndarray], report: Reporter
) -> Iterator[float]:
    """Take equal steps between the times, and yield when they are reached or the flow is ended.

    ``step(tau)`` returns how the points have moved; its root mean square is the residual.
    """
    now, total = 0.0, sum(counts)
    for moment, count in zip(times, counts, strict=True):
        for tau in equal_steps(now, moment, count):
            moved = step(tau)
            now += tau
            if report.listens and report.residual(
                (moved**2).sum() ** 0.5 / len(moved) ** 0.5, total
            ):
                break
        now = now if report.stopped else moment
        yield now
        if report.stopped:
            return


def flow_on_line(
    start: np.ndarray,
    atoms: np.ndarray,
    mass: np.ndarray,
    times: np.ndarray,
    steps: int | None,
    report: Reporter,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return the times, the points (T, N), their discrepancies and bounds, for sorted points.

    Without ``steps`` the flow is exact; otherwise it takes so many Euler steps between the times,
    and ends earlier if it is asked to stop.
    """
    share = np.concatenate([[0.0], np.cumsum(mass)])
    share /= share[-1]
    levels = (np.arange(len(start)) + 0.5) / len(start)
    if steps is None:
        result = np.empty((len(times), len(start)))
        _walk(start, levels, atoms, share, times, result)
        size = np.abs(np.concatenate([start, atoms])).max() + 2 * times
        bounds = 4 * _EPS * (len(atoms) + 4) * size  # rounding of each event
    else:
        state, bound = start, Bound()

        def step(tau: float) -> np.ndarray:
            nonlocal state, bound
            before, state = state, euler_step(state, levels, atoms, share, tau)
            bound = bound.after(_terms(before, state, levels, atoms, share, tau))
            return state - before

        counts = [steps if time > 0 else 0 for time in times]
        reached = [(t, state, bound.distance) for t in march(times, counts, step, report)]
        times, result, bounds = (np.array(each) for each in zip(*reached, strict=True))
    return times, result, np.array([_discrepancy(x, atoms, share) for x in result]), bounds


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
