"""The flow of points on a line towards other points, exact in time.

With sorted points ``g_i``, ``s_i = (i - 1/2) / N`` and the distribution function R of the target,
the flow of the energy distance is ``dg_i/dt = 2 (s_i - R(g_i))``: the speed of each point is
constant between target points. The distance in L2 of the g is the Wasserstein distance W2.
"""

import numpy as np

from ..core.compiled import exact_kernel

_EPS = float(np.finfo(np.float64).eps)


def flow_on_line(
    start: np.ndarray, atoms: np.ndarray, mass: np.ndarray, times: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return the times, the points (T, N), their discrepancies and bounds, for sorted points."""
    share = np.concatenate([[0.0], np.cumsum(mass)])
    share /= share[-1]
    levels = (np.arange(len(start)) + 0.5) / len(start)
    result = np.empty((len(times), len(start)))
    _walk(start, levels, atoms, share, times, result)
    size = np.abs(np.concatenate([start, atoms])).max() + 2 * times
    bounds = 4 * _EPS * (len(atoms) + 4) * size  # rounding of each event
    return times, result, np.array([_discrepancy(x, atoms, share) for x in result]), bounds


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
