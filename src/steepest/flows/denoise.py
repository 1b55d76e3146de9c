"""One problem ``argmin_v 1/2||v - f||^2 + strength J(v)``, certified: one step of the flow of J."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from ..convex.certificate import StepTerms, psnr_bound
from ..convex.energy import Energy
from ..convex.solve import Goal
from ..convex.total_variation import TotalVariation, norm_of
from ..core.errors import NotConverged
from ..core.namespace import Array, cast, detached, namespace
from ..core.numbers import check_count, check_number
from ..core.progress import Callback, asks_to_stop, check_callback
from ..core.status import Status
from ..core.threads import resolve_num_threads
from .flux_guess import feasible_part
from .march import Hooks, distance, fresh_state, march
from .options import takes_options_of
from .problem import Problem, make_problem, rescaled
from .result import Step
from .tape import gradient_tape

_FIRST_LOOK = 40  # iterations before the gap is first measured


@dataclass(frozen=True, eq=False)
class DenoiseResult:
    """A certified minimiser. With a batch, gap and bounds have one entry an item.

    Attributes
    ----------
    image : array, shape and dtype of the input
    flux : array (components, \\*image.shape)
        Dual field. For total variation, ``image = f + strength div flux``.
    gap : float
        Relative duality gap, gap / energy.
    error_bound : float
        Guaranteed L2 distance to the exact minimiser: ``sqrt(gap)``, by strong convexity of the
        primal and of the dual energy (docs/certificate).
    psnr_bound : float
        The same as a guaranteed PSNR in dB for ``data_range``.
    iterations : int
    status : Status
    strength : float
    data_range : float
        The range that ``psnr_bound`` refers to.
    """

    image: Array
    flux: Array
    gap: Any
    error_bound: Any
    psnr_bound: Any
    iterations: int
    status: Status
    strength: float
    data_range: float

    @property
    def converged(self) -> bool:
        """Whether the tolerance was met."""
        return self.status.ok

    def __repr__(self) -> str:
        worst = float(np.min(self.psnr_bound))
        return (
            f"<DenoiseResult: strength {self.strength:g}, {self.iterations} iterations, "
            f"PSNR >= {worst:.1f} dB, {self.status}>"
        )


def denoise(
    image: Any,
    strength: Any,
    energy: Energy | None = None,
    *,
    tol: float = 1e-4,
    data_range: float | None = None,
    spacing: float | Sequence[float] | None = None,
    channel_axis: int | None = None,
    batch_axis: int | None = None,
    max_num_iter: int = 20000,
    on_step: Callback | None = None,
    flux: Any = None,
    num_threads: int | None = None,
    raise_on_failure: bool = False,
) -> DenoiseResult:
    """Denoising with a convex energy: ``argmin_v 1/2||v - image||^2 + strength * J(v)``.

    This is one implicit Euler step of `flow` of length ``strength``. With total variation it starts
    from the solution on coarser grids.

    Parameters
    ----------
    image : array, 1-D to 3-D, plus optional channel and batch axes
        dtypes as in `flow`: floats as they are, uint8/uint16 scaled to [0, 1] and back.
        Where a torch tensor requires grad, ``image`` of the result is differentiable, see Notes.
    strength : float
        Not negative; unit for total variation: grey value x pixel. A torch scalar may require grad
        (then positive).
    energy : Energy, optional
        As in `flow`; default `TotalVariation`.
    tol : float
        Relative duality gap; it bounds the relative suboptimality of the energy.
    data_range, spacing, channel_axis, batch_axis, num_threads
        As in `flow`.
    max_num_iter : int
        Largest number of iterations.
    on_step : callable, optional
        Called with a `Step` whenever the gap is measured (``step`` counts the measurements,
        ``iterations`` the iterations, ``image`` is None); returning True stops the solver.
    flux : array (components, \\*image.shape), optional
        A dual field to start with, such as the ``flux`` of an earlier result for similar data. It
        is made feasible, and used where its dual energy is the smaller one.
    raise_on_failure : bool
        Raise `NotConverged` where the tolerance was not met.

    Returns
    -------
    DenoiseResult

    Raises
    ------
    InputError
        Bad image, strength, energy or options.
    NotConverged
        Only with ``raise_on_failure=True``.

    Notes
    -----
    Gradients with respect to ``image`` and ``strength`` come from implicit differentiation of the
    solution (docs/gradients): exact for an exact solution at which the solution is differentiable
    (almost everywhere), with ``tol`` 1e-4 accurate to some per cent on a photograph. The flux and
    the certificate are constants.
    """
    tape = gradient_tape(image, strength, "strength")
    problem = make_problem(
        image if tape is None else tape.image,
        TotalVariation() if energy is None else energy,
        channel_axis=channel_axis,
        batch_axis=batch_axis,
        spacing=spacing,
        data_range=data_range,
    )
    if tape is not None:
        tape.check(problem)
    return solve(
        problem, check_number(detached(strength), "strength"), tape=tape, tol=tol,
        max_num_iter=max_num_iter, on_step=on_step, flux=flux, num_threads=num_threads,
        raise_on_failure=raise_on_failure,
    )  # fmt: skip


@takes_options_of(denoise)
def denoise_tv(
    image: Any,
    strength: Any,
    *,
    isotropic: bool = True,
    huber: float = 0.0,
    weights: Any = None,
    coupled: bool = True,
    **options: Any,
) -> DenoiseResult:
    """Total variation denoising: ``argmin_v 1/2||v - image||^2 + strength * TV(v)``, certified.

    This is `denoise` with `TotalVariation`. (scikit-image's ``denoise_tv_chambolle`` with
    ``weight`` solves the same problem.)

    Parameters
    ----------
    image, strength
        As in `denoise`.
    isotropic, huber, weights, coupled
        As in `tv_flow`.
    **options
        tol, data_range, spacing, channel_axis, batch_axis, max_num_iter, on_step, flux,
        num_threads and raise_on_failure of `denoise`.

    Returns
    -------
    DenoiseResult

    Raises
    ------
    InputError
        Bad image, strength or options.
    NotConverged
        Only with ``raise_on_failure=True``.

    References
    ----------
    Rudin, Osher & Fatemi, Physica D 60 (1992) 259-268.
    """
    energy = TotalVariation(norm=norm_of(isotropic), huber=huber, weights=weights, coupled=coupled)
    return denoise(image, strength, energy, **options)


def solve(
    problem: Problem,
    strength: float,
    *,
    tape: Any = None,
    tol: float = 1e-4,
    max_num_iter: int = 20000,
    on_step: Callback | None = None,
    flux: Any = None,
    num_threads: int | None = None,
    raise_on_failure: bool = False,
) -> DenoiseResult:
    """`denoise` of a prepared problem."""
    problem.check_times(np.array([strength]), "strength")
    plan = make_plan(problem, tol, max_num_iter, num_threads, on_step)
    starts = None
    if flux is not None:
        starts = [feasible_part(flux, problem, i, "flux") for i in range(len(problem.parts))]
    solved = solve_parts(problem, strength, plan, starts)
    result = collect(problem, solved, strength)
    if tape is not None:
        result = tape.denoised(problem, result, solved, tol)
    return checked(result, raise_on_failure)


@dataclass(frozen=True)
class Plan:
    """How the parts of a problem are solved, and who looks on."""

    goal: Goal
    num_threads: int
    watcher: Watcher | None

    @property
    def stopped(self) -> bool:
        """Whether the callback has asked to stop."""
        return self.watcher is not None and self.watcher.stopped


class Watcher:
    """Turns the solver's measurements into the user's `Step`, and remembers a wish to stop."""

    def __init__(self, on_step: Callback, problem: Problem) -> None:
        self._on_step, self._scale, self._seen = on_step, problem.scale, 0
        self.stopped = False

    def __call__(self, strength: float, terms: StepTerms, iterations: int) -> bool:
        """Tell of one measurement; whether to stop."""
        self._seen += 1
        bound = (math.sqrt(terms.gap + terms.allowance) + terms.residual) / self._scale
        gap = terms.gap / terms.primal if terms.primal > 0 else 0.0
        step = Step(self._seen, 0, strength, gap, iterations, bound, lambda: None)
        self.stopped = asks_to_stop(self._on_step, step)
        return self.stopped


def make_plan(
    problem: Problem, tol: Any, max_num_iter: Any, num_threads: Any, on_step: Callback | None
) -> Plan:
    """Check the options that say how hard to try."""
    check_callback(on_step)
    goal = Goal(check_number(tol, "tol"), check_count(max_num_iter, "max_num_iter"))
    watcher = None if on_step is None else Watcher(on_step, problem)
    return Plan(goal, resolve_num_threads(num_threads), watcher)


@dataclass(frozen=True, eq=False)
class Solved:
    """The solution of one part, at its own scale; ``rounding``: its distance to the solver's."""

    image: Array
    flux: Array
    terms: StepTerms
    rounding: float
    iterations: int
    status: Status


def solve_parts(
    problem: Problem, strength: float, plan: Plan, starts: Sequence[Array] | None = None
) -> list[Solved]:
    """Solve every part, from the given fluxes or from coarser grids.

    Where the callback stops one, the parts after it get one iteration each.
    """
    solved: list[Solved] = []
    for index in range(len(problem.parts)):
        start = None if starts is None else starts[index]
        if plan.stopped:
            hurried = Plan(replace(plan.goal, max_num_iter=1), plan.num_threads, None)
            found = _solve_part(problem, index, strength, hurried, start)
            solved.append(replace(found, status=Status.STOPPED))
        else:
            solved.append(_solve_part(problem, index, strength, plan, start))
    return solved


def _solve_part(
    problem: Problem, index: int, strength: float, plan: Plan, start: Array | None
) -> Solved:
    """One part: a march of one step that has nothing to go by."""
    f, energy = problem.parts[index], problem.energy
    if strength == 0:
        zero = namespace(f).stack([f * 0] * energy.num_components(f.ndim - 1))
        nothing = StepTerms(0, 0, 0, 0, 0, 0, 0, 0)
        return Solved(f * 1, zero, nothing, 0.0, 0, Status.CONVERGED)
    guess = None if start is None else (lambda step, begin, end: start)
    watch = None if plan.watcher is None else partial(plan.watcher, strength)
    record = march(
        energy, fresh_state(f, _FIRST_LOOK), 0.0, np.array([strength * problem.scale]),
        np.array([True]), plan.goal, num_threads=plan.num_threads, cold=True,
        hooks=Hooks(guess=guess, watch=watch),
    )  # fmt: skip
    assert record.last is not None
    assert record.state is not None
    image, flux = record.frames[0], cast(record.state.flux, f.dtype)
    rounding = distance(image, record.state.image)
    return Solved(image, flux, record.last, rounding, record.iterations, record.statuses[-1])


def checked(result: DenoiseResult, raise_on_failure: bool) -> DenoiseResult:
    """The result, or `NotConverged` where that was asked for."""
    if raise_on_failure and not (result.converged or result.status is Status.STOPPED):
        raise NotConverged(str(result.status), result)
    return result


def collect(problem: Problem, solved: list[Solved], strength: float) -> DenoiseResult:
    """Put the parts' solutions together."""
    gaps = np.array([[s.terms.gap] for s in solved])
    primal = np.array([[s.terms.primal] for s in solved])
    bounds = np.array([[_distance_bound(s)] for s in solved])
    error = problem.certificate(bounds / problem.scale)
    total = np.maximum(problem.certificate(primal, "sum"), np.finfo(float).tiny)
    psnr = [psnr_bound(e, problem.size, problem.data_range) for e in np.ravel(error)]
    relative = problem.certificate(gaps, "sum") / total
    status = Status.worst([s.status for s in solved])
    return DenoiseResult(
        image=problem.assemble([rescaled(s.image, 1 / problem.scale) for s in solved]),
        flux=problem.assemble([s.flux for s in solved], leading=1, integers=False),
        gap=_scalar(relative, problem.batch_axis),
        error_bound=_scalar(error, problem.batch_axis),
        psnr_bound=_scalar(np.array(psnr), problem.batch_axis),
        iterations=sum(s.iterations for s in solved),
        status=status,
        strength=strength,
        data_range=problem.data_range,
    )


def _distance_bound(solved: Solved) -> float:
    """``||u - u*||^2 <= gap``: both energies are 1-strongly convex, and their excesses add up."""
    terms = solved.terms
    return math.sqrt(terms.gap + terms.allowance) + terms.residual + solved.rounding


def _scalar(values: Any, batch_axis: int | None) -> Any:
    return float(np.ravel(values)[0]) if batch_axis is None else np.ravel(values)
