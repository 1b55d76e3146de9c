"""Choose steps and gaps for a certified accuracy that the user requests.

A step of length tau adds about ``kappa tau^q`` to the certificate. For a given sum, the number of
steps is smallest if all steps add the same amount, ``theta``. A pilot run with a few coarse steps
measures the cost of each stretch of time. A pilot step of cost ``c`` is replaced by
``(c/theta)^(1/q)`` steps, each adding theta, and theta is chosen so that the sum meets the budget.
The number of steps is therefore known before they are taken. Each run is certified itself, and it
serves as the next pilot if its bound misses the target.
"""

import math
from dataclasses import replace
from time import perf_counter
from typing import Any

import numpy as np

from ..convex.energy import Energy
from ..convex.solve import Goal, rounding_floor
from ..core.errors import TooManySteps
from ..core.namespace import epsilon
from ..core.status import Status
from .march import Hooks, Record, in_double, march
from .result import PartState

CHOOSING, FLOWING = "choosing the time steps", "flow"  # names of the stages, shown to the user
_ORDER = 2.4  # q; chosen by measurement: 2.8 and 3.2 miss the target more often
# Share of the budget for the gaps: short warm-started steps cost few iterations, small gaps many.
_SOLVER_SHARE = 0.85
_PILOT_STEPS = 10
_ATTEMPTS = 5
_FEWEST, _MOST = 1e-3, 1e100  # limits of the number of steps that replace one step
_MOST_PIECES = 64  # of one step after the first attempt
_TIMED_STEPS = 10
_ROUNDED = 0.15  # mean change of a pixel when an image is stored, in epsilons (measured)


def march_to_accuracy(
    energy: Energy,
    state: PartState,
    begin: float,
    wanted: np.ndarray,
    target: float,
    max_num_iter: int,
    max_num_steps: int,
    *,
    dtype: Any = None,
    num_threads: int | None = None,
    hooks: Hooks = Hooks(),  # noqa: B008 - frozen
) -> Record:
    """Run `march` with steps and gaps such that the bound at the last time is below ``target``.

    In float64 if rounding would make the bound too large. `TooManySteps` is raised after the pilot.
    """
    span = wanted[-1] - begin
    nodes = _with(wanted, begin + span * np.geomspace(1 / 200, 1.0, _PILOT_STEPS)[:-1], begin)
    costs: list[float] = []

    def watch(index: int, time: float, outcome: Any, bound: Any, image: Any) -> bool:
        terms = outcome.terms
        costs.append(max(terms.integral - 2 * terms.gap, 0.0))
        listener = hooks.after_step
        return listener is not None and listener(index, time, outcome, bound, image) is True

    def run(stage: str, goal: Goal, budget: np.ndarray | None) -> Record:
        costs.clear()
        if hooks.stage is not None:
            hooks.stage(stage, len(nodes))
        return march(
            energy, state, begin, nodes, np.isin(nodes, wanted), goal,
            gap_budget=budget, dtype=dtype, num_threads=num_threads,
            hooks=replace(hooks, after_step=watch),
        )  # fmt: skip

    available = max(target**2 - state.bound.distance**2, 0.0)
    record = run(CHOOSING, Goal(1e-2, max_num_iter), None)
    spent, safety = record.iterations, 0.9
    for attempt in range(_ATTEMPTS):
        if record.statuses[-1] is Status.STOPPED or available == 0:
            break
        edges = np.concatenate([[begin], nodes])
        share = (1 - _SOLVER_SHARE) * safety * available
        density = _density(np.array(costs), share)
        if attempt:  # a large gap hides the cost of a step, so keep every step
            # The cost of a step may lie in an instant, where regions merge: find it piece by piece.
            density = np.clip(density, 1.0, _MOST_PIECES)
        slack = 0.5 * _SOLVER_SHARE * safety * available / span  # allowed gap per unit of time
        count = float(density.sum())
        if _rounds_too_much(energy, state, span, count, slack, target):
            state = in_double(state)
        if count > max_num_steps:
            if attempt:
                break
            tau = (edges[1] - begin) / density[0]
            seconds = _seconds(energy, state, begin, tau, slack, max_num_iter, num_threads)
            raise TooManySteps(count, count * seconds, max_num_steps, _loss(count / max_num_steps))
        nodes = _divide(edges, density, wanted)
        gaps = slack * np.diff(nodes, prepend=begin)
        record = run(FLOWING, Goal(0.0, max_num_iter), gaps)
        spent += record.iterations
        if record.bounds[-1].distance <= target:
            break
        safety *= 0.9 * available / max(record.bounds[-1].distance ** 2, available)
    record.iterations = spent
    failed = [s for s in record.statuses if not s.ok]
    if record.bounds[-1].distance > target and Status.STOPPED not in failed:
        failed.append(Status.ACCURACY_NOT_MET)
    record.statuses = failed or [Status.ACCURACY_MET]
    return record


def _density(costs: np.ndarray, budget: float) -> np.ndarray:
    """Steps ``(c/theta)^(1/q)`` for each step, where ``theta sum((c/theta)^(1/q)) = budget``."""
    roots = costs ** (1 / _ORDER)
    total = float(roots.sum())
    if total == 0:
        return np.full(costs.shape, _FEWEST)
    with np.errstate(over="ignore"):  # overflows if the accuracy cannot be reached
        return np.clip(roots * (np.float64(total) / budget) ** (1 / (_ORDER - 1)), _FEWEST, _MOST)


def _loss(times: float) -> float:
    """Accuracy in decibels that is lost with ``times`` times fewer steps."""
    return 10 * (_ORDER - 1) * math.log10(times)


def _divide(edges: np.ndarray, density: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Nodes with ``density`` steps between the edges, and the wanted times."""
    cumulated = np.concatenate([[0.0], np.cumsum(density)])
    count = max(1, int(np.ceil(cumulated[-1])))
    nodes = np.interp(np.linspace(0, cumulated[-1], count + 1)[1:-1], cumulated, edges)
    return _with(wanted, nodes, edges[0])


def _with(wanted: np.ndarray, nodes: np.ndarray, begin: float) -> np.ndarray:
    """The wanted times, and the nodes that are not too close to a wanted time."""
    step = np.diff(nodes, prepend=begin)
    after = np.minimum(np.searchsorted(wanted, nodes), wanted.size - 1)
    near = np.minimum(abs(nodes - wanted[after]), abs(nodes - wanted[np.maximum(after - 1, 0)]))
    return np.union1d(nodes[near > 0.25 * step], wanted)


def _rounds_too_much(
    energy: Energy, state: PartState, span: float, count: float, slack: float, target: float
) -> bool:
    """Whether rounding would make ``count`` steps in the dtype of the image miss the target."""
    image = state.image
    size = float(abs(image).max())
    floor = count / span * rounding_floor(image, energy, span / count, size)
    stored = count * _ROUNDED * epsilon(image) * size * math.sqrt(math.prod(image.shape))
    return floor > 0.5 * slack or stored > 0.05 * target


def _seconds(
    energy: Energy,
    state: PartState,
    begin: float,
    tau: float,
    slack: float,
    max_num_iter: int,
    num_threads: int | None,
) -> float:
    """Seconds per step, measured on steps 11 to 20. The first ten steps compile and warm up."""
    nodes = begin + tau * np.arange(1, 2 * _TIMED_STEPS + 1)
    seen: list[float] = []
    march(
        energy, state, begin, nodes, np.zeros(nodes.size, bool), Goal(0.0, max_num_iter),
        gap_budget=np.full(nodes.size, slack * tau), num_threads=num_threads,
        hooks=Hooks(after_step=lambda *report: seen.append(perf_counter())),
    )  # fmt: skip
    return (seen[-1] - seen[_TIMED_STEPS - 1]) / _TIMED_STEPS
