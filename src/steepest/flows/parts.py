"""Solve a problem part by part, each by a march of one step, for denoising and its searches."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..convex.certificate import StepTerms
from ..convex.dual import Warm
from ..convex.solve import Goal
from ..core.namespace import Array, cast, namespace
from ..core.progress import Callback, Reporter
from ..core.solver import Limits
from ..core.status import Status
from .march import Hooks, distance, fresh_state, march
from .problem import Problem, rescaled
from .result import DenoiseResult, Step

_FIRST_LOOK = 40  # iterations before the gap is first measured


@dataclass(frozen=True)
class Plan:
    """How to solve the parts of a problem: goal, number of threads and callback."""

    goal: Goal
    num_threads: int
    reporter: Reporter

    def watch(self, strength: float, scale: float) -> Callable[[StepTerms, int], bool] | None:
        """The function that reports the measurements of a solve to the user as `Step`."""
        if not self.reporter.listens:
            return None

        def report(terms: StepTerms, iterations: int) -> bool:
            gap, bound = self.goal.relative_gap(terms), terms.distance / scale
            return self.reporter(Step(0, 0, strength, gap, iterations, bound, None))

        return report


def make_plan(solver: Limits, on_step: Callback | None) -> Plan:
    """The goal, threads and callback of a solve."""
    return Plan(Goal(solver.tol, solver.max_num_iter), solver.threads, Reporter(on_step))


@dataclass(frozen=True, eq=False)
class Solved:
    """The solution of one part, at its own scale.

    ``rounding`` is the distance between the stored image and that of the solver, ``warm`` its state
    (None where nothing was solved, or it is not wanted).
    """

    image: Array
    flux: Array
    warm: Warm | None
    terms: StepTerms
    rounding: float
    iterations: int
    status: Status


def solve_part(
    problem: Problem,
    index: int,
    strength: float,
    plan: Plan,
    start: Array | None,
    *,
    near: bool = False,
    warm: bool = False,
) -> Solved:
    """Solve one part by a march of one step, or of one iteration if the callback has asked to stop.

    With ``near``, ``start`` is so good that no coarser grids are needed; ``warm`` keeps the state.
    """
    f, energy = problem.parts[index], problem.energy
    if strength == 0:
        zero = namespace(f).stack([f * 0] * energy.num_components(f.ndim - 1))
        nothing = StepTerms(0, 0, 0, 0, 0, 0, 0, 0)
        return Solved(f * 1, zero, None, nothing, 0.0, 0, Status.NOTHING_REMOVED)
    guess = None if start is None else (lambda step, begin, end: start)
    stopped = plan.reporter.stopped
    record = march(
        energy, fresh_state(f, _FIRST_LOOK), 0.0, np.array([strength * problem.scale]),
        np.array([False]), replace(plan.goal, max_num_iter=1) if stopped else plan.goal,
        num_threads=plan.num_threads, cold=not near, warm=warm,
        hooks=Hooks(guess=guess, watch=plan.watch(strength, problem.scale)),
    )  # fmt: skip
    assert record.last is not None
    assert record.state is not None
    image, flux = cast(record.state.image, f.dtype), cast(record.state.flux, f.dtype)
    rounding = distance(image, record.state.image)
    status = Status.STOPPED if stopped else record.statuses[-1]
    return Solved(image, flux, record.state.warm, record.last, rounding, record.iterations, status)


def collect(problem: Problem, solved: list[Solved], strength: Any) -> DenoiseResult:
    """Combine the solutions of all parts. The result reports the given ``strength``."""
    gaps = np.array([[s.terms.gap] for s in solved])
    primal = np.array([[s.terms.primal] for s in solved])
    bounds = np.array([[s.terms.distance + s.rounding] for s in solved])
    error = problem.certificate(bounds / problem.scale)
    total = np.maximum(problem.certificate(primal, "sum"), np.finfo(float).tiny)
    relative = problem.certificate(gaps, "sum") / total
    status = Status.worst([s.status for s in solved])
    return DenoiseResult(
        image=problem.assemble([rescaled(s.image, 1 / problem.scale) for s in solved]),
        flux=problem.assemble([s.flux for s in solved], leading=1, integers=False),
        gap=_scalar(relative, problem.batch_axis),
        error_bound=_scalar(error, problem.batch_axis),
        iterations=sum(s.iterations for s in solved),
        status=status,
        strength=strength,
        data_range=problem.data_range,
    )


def _scalar(values: Any, batch_axis: int | None) -> Any:
    return float(np.ravel(values)[0]) if batch_axis is None else np.ravel(values)
