"""Compute the flow of a prepared problem: march every part, and combine the records."""

import math
from dataclasses import replace
from typing import Any

import numpy as np

from ..convex.certificate import Bound
from ..convex.solve import Goal
from ..core.errors import InputError
from ..core.namespace import Array, namespace
from ..core.numbers import check_numbers
from ..core.progress import Callback, asks_to_stop, check_callback
from ..core.solver import Limits, Solver, limits
from ..core.status import Status, finished
from .adaptive import FLOWING, march_to_accuracy
from .flux_guess import part_guess
from .march import NEGLIGIBLE, Hooks, Record, contrast_energy, fresh_state, march
from .problem import Problem, rescaled
from .result import FlowResult, FlowState, PartState, Step
from .time_grid import DEFAULT_NUM_STEPS, Accuracy, TimeGrid, check_times, grid_of
from .together import can_march_together, march_together

DEFAULT_TOL, DEFAULT_MAX_ITER = 1e-3, 5000
Steps = int | TimeGrid | Accuracy | None


def run(
    problem: Problem,
    times: Any,
    start: FlowState | None = None,
    *,
    tape: Any = None,
    steps: Steps = None,
    solver: Solver | None = None,
    on_step: Callback | None = None,
    guess: Any = None,
) -> FlowResult:
    """Compute `flow` for a prepared problem."""
    begin = 0.0 if start is None else start.time
    wanted, starts_at_zero = _check_wanted_times(times, begin)
    problem.check_times(wanted, "times")
    check_callback(on_step)
    own = limits(solver, tol=DEFAULT_TOL, max_num_iter=DEFAULT_MAX_ITER)
    accuracy = steps if isinstance(steps, Accuracy) else None
    grid = grid_of(None if accuracy else steps, TimeGrid.graded, DEFAULT_NUM_STEPS)
    if accuracy is not None:
        if solver is not None and solver.tol is not None:
            raise InputError(f"tol={solver.tol:g}: an accuracy chooses the gaps; give only one")
        problem = replace(problem, data_range=accuracy.data_range or problem.data_range)
    nodes = grid.through(wanted, begin) if wanted.size else wanted
    problem.check_times(nodes, "steps")
    starts = start.parts if start else tuple(fresh_state(part) for part in problem.parts)
    fixed_steps = len(nodes) if accuracy is None else None
    reports = None if on_step is None else _Reports(on_step, problem, fixed_steps)
    hooks = [
        Hooks(
            guess=part_guess(guess, problem, index, fixed_steps),
            trace=None if tape is None else tape.trace(index),
            after_step=None if reports is None else reports.after_step,
            stage=None if reports is None else reports.begin,
        )
        for index in range(len(problem.parts))
    ]
    records = _march_all(problem, starts, begin, wanted, nodes, hooks, own, accuracy)
    result = _collect(problem, records, starts, begin, starts_at_zero)
    if tape is not None:
        fixed = accuracy is None
        result = tape.flowed(
            problem, result, wanted, grid if fixed else None, own.tol if fixed else None
        )
    return finished(result, own.raise_on_failure)


def _march_all(
    problem: Problem,
    starts: tuple[PartState, ...],
    begin: float,
    wanted: np.ndarray,
    nodes: np.ndarray,
    hooks: list[Hooks],
    solver: Limits,
    accuracy: Accuracy | None,
) -> list[Record]:
    """March every part. If the callback stops one part, all parts end at the time reached."""
    parts, scale, energy = problem.parts, problem.scale, problem.energy
    goals = [
        Goal(solver.tol, solver.max_num_iter, reference=NEGLIGIBLE * contrast_energy(part))
        for part in parts
    ]

    def marched(i: int, wanted: np.ndarray, nodes: np.ndarray, hook: Hooks, given: bool) -> Record:
        """March one part, at its own scale of values and times."""
        common: dict[str, Any] = {
            "dtype": parts[i].dtype, "num_threads": solver.threads, "hooks": hook,
        }  # fmt: skip
        if given or accuracy is None or not wanted.size:
            keep = np.isin(nodes, wanted)
            return march(energy, starts[i], begin * scale, nodes * scale, keep, goals[i], **common)
        target = accuracy.distance(problem.size, problem.data_range) * scale
        return march_to_accuracy(
            energy, starts[i], begin * scale, wanted * scale,
            target / math.sqrt(problem.parts_per_item), solver.max_num_iter,
            accuracy.max_num_steps, **common,
        )  # fmt: skip

    if accuracy is None and can_march_together(problem, hooks) and wanted.size:
        keep = np.isin(nodes, wanted)
        return march_together(problem, starts, begin * scale, nodes * scale, keep, goals, hooks)
    records: list[Record] = []
    for index, hook in enumerate(hooks):
        record = marched(index, wanted, nodes, hook, given=False)
        records.append(record)
        if record.statuses[-1:] == [Status.STOPPED] and len(parts) > 1:
            end = record.times[-1] / scale
            wanted = np.union1d(wanted[wanted < end], [end])
            nodes = np.union1d(nodes[nodes < end], [end])
            silent = [replace(hook, after_step=None, stage=None) for hook in hooks]
            return [
                record if i == index else marched(i, wanted, nodes, quiet, given=True)
                for i, quiet in enumerate(silent)
            ]
    return records


def resume(state: FlowState, times: Any, **options: Any) -> FlowResult:
    """Implement `FlowResult.continue_to`."""
    return run(state.problem, times, state, **options)


def _check_wanted_times(times: Any, begin: float) -> tuple[np.ndarray, bool]:
    array = check_numbers(times, "times")
    zero = array.ndim <= 1 and array.size > 0 and begin == 0 and bool(np.ravel(array)[0] == 0)
    if zero:
        rest = np.ravel(array)[1:]
        return (check_times(rest) if rest.size else np.zeros(0)), True
    return check_times(array, "times", begin), False


class _Reports:
    """Passes the steps of the time loop to the user as `Step`, numbered across all parts."""

    def __init__(self, on_step: Callback, problem: Problem, total: int | None) -> None:
        self._on_step, self._problem = on_step, problem
        self._stage, self._seen, self._total = FLOWING, 0, (total or 0) * len(problem.parts)

    def begin(self, stage: str, num_steps: int) -> None:
        """Begin a stage of ``num_steps`` steps."""
        self._stage, self._total = stage, self._seen + num_steps

    def after_step(self, number: int, time: float, outcome: Any, bound: Bound, image: Any) -> bool:
        """Report one step. Returns True if the callback asks to stop."""
        problem, scale = self._problem, self._problem.scale

        def gather() -> Array:
            return problem.returned(problem.layout.restore_axes(rescaled(image(), 1 / scale)))

        self._seen += 1
        step = Step(
            step=self._seen,
            num_steps=self._total,
            time=time / scale,
            gap=outcome.relative_gap,
            iterations=outcome.iterations,
            error_bound=bound.distance / scale,
            gather=gather,
            stage=self._stage,
        )
        return asks_to_stop(self._on_step, step)


def _collect(
    problem: Problem,
    records: list[Record],
    starts: tuple[PartState, ...],
    begin: float,
    starts_at_zero: bool,
) -> FlowResult:
    """Combine the records of all parts."""
    scale = problem.scale
    kept_times = min(len(record.times) for record in records)
    zero = [0.0] if starts_at_zero else []
    frames = []
    for part, record in zip(problem.parts, records, strict=True):
        if starts_at_zero:
            record.frames[0] = part
        frames.append(rescaled(record.frames[1 - len(zero) : 1 + kept_times], 1 / scale))
    bounds = [record.bounds[:kept_times] for record in records]
    distance = np.array([zero + [b.distance / scale for b in part] for part in bounds])
    solver = np.array([zero + [b.solver_share / scale / scale for b in part] for part in bounds])
    in_time = np.array([zero + [b.time_share / scale / scale for b in part] for part in bounds])
    error = problem.certificate(distance)
    states = tuple(
        record.state if record.state and record.num_steps else replace(start, image=start.image * 1)
        for start, record in zip(starts, records, strict=True)
    )
    times = np.array(zero + [t / scale for t in records[0].times[:kept_times]])
    statuses = [status for record in records for status in record.statuses]
    return FlowResult(
        images=problem.assemble(frames, leading=1),
        times=times,
        flux=_flux(problem, states),
        gap=problem.certificate(np.array([zero + r.gaps[:kept_times] for r in records]), "max"),
        error_bound=error,
        solver_error=problem.certificate(solver, "sum"),
        time_error=problem.certificate(in_time, "sum"),
        iterations=sum(record.iterations for record in records),
        num_steps=max(record.num_steps for record in records),
        status=Status.worst(statuses or [Status.CONVERGED]),
        data_range=problem.data_range,
        state=FlowState(float(times[-1]) if times.size else begin, problem.owned(), states, resume),
    )


def _flux(problem: Problem, states: tuple[PartState, ...]) -> Array:
    def of(state: PartState) -> Array:
        if state.flux is not None:
            return state.flux
        components = problem.energy.num_components(state.image.ndim - 1)
        return namespace(state.image).stack([state.image * 0] * components)

    return problem.assemble([of(state) for state in states], leading=1, integers=False)
