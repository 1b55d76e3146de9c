"""Certified total variation flow of arrays that do not fit in memory."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from ..convex.certificate import Bound, StepTerms
from ..convex.solve import Goal, Momentum, needs_double, rounding_floor, solve
from ..convex.total_variation import TotalVariation, norm_of
from ..core.numbers import check_count, check_number
from ..core.status import Status, finished
from ..flows.march import NEGLIGIBLE
from ..flows.options import takes_options_of
from ..flows.result import FlowResult
from ..flows.time_grid import DEFAULT_NUM_STEPS, TimeGrid, check_times, grid_of
from .dual import TiledDual
from .items import one_by_one
from .passes import Passes
from .picture import check_out
from .plan import count_iterations, pieces_of
from .setup import PER_STEP, Facts, Setup
from .task import Piece, halo_of

_LONG = 40  # iterations; longer steps begin with a correction


@takes_options_of(Setup)
def tv_flow(
    image: Any,
    times: float | Sequence[float] | np.ndarray,
    out: Any = None,
    *,
    tol: float = 1e-3,
    steps: int | TimeGrid | None = None,
    isotropic: bool = True,
    huber: float = 0.0,
    max_num_iter: int = 5000,
    coupled: bool = True,
    batch_axis: int | None = None,
    raise_on_failure: bool = False,
    **options: Any,
) -> FlowResult:
    """Compute the total variation flow of an array that does not fit in memory.

    The flow is that of `steepest.tv_flow`, certified like it, and computed tile by tile as in
    `denoise_tv` of this module. One pass over the image takes as many steps of the flow as the
    halo allows. How many iterations each step will need is found out on a sample of the image; a
    pass in which a step misses ``tol`` is done again with more.

    Parameters
    ----------
    image, options
        As in `denoise_tv` of this module.
    times, steps, tol, isotropic, huber, max_num_iter, raise_on_failure
        As in `steepest.tv_flow`.
    coupled, batch_axis
        As in `denoise_tv` of this module.
    out : array-like (T, \\*image.shape), optional
        Where the frames are written by slices. The default is a new NumPy array.

    Returns
    -------
    FlowResult
        ``images`` is ``out``; ``flux`` and ``state`` are None.

    Raises
    ------
    InputError
        Bad image, times or options, or a folder that belongs to other work.
    NotConverged
        If a tolerance is not met and ``raise_on_failure=True``.
    """
    if batch_axis is not None or not coupled:

        def one(part: Any, own: Any, **more: Any) -> Any:
            return tv_flow(
                part, times, own, tol=tol, steps=steps, isotropic=isotropic,
                huber=huber, max_num_iter=max_num_iter, raise_on_failure=raise_on_failure, **more,
            )  # fmt: skip

        return one_by_one(
            one,
            image,
            out,
            (len(check_times(times)),),
            coupled=coupled,
            batch_axis=batch_axis,
            **options,
        )
    wanted = check_times(times)
    nodes = grid_of(steps, TimeGrid.graded, DEFAULT_NUM_STEPS).through(wanted)
    tol, most = check_number(tol, "tol"), check_count(max_num_iter, "max_num_iter")
    energy = TotalVariation(norm=norm_of(isotropic), huber=huber)
    name = f"tv_flow {nodes.tolist()} {tol} {energy} {most}"
    setup = Setup(
        image, out, energy, name, iterations=PER_STEP * len(nodes), results=len(wanted), **options
    )
    out = check_out(out, setup.picture, (len(wanted),))
    places = {float(t): k for k, t in enumerate(wanted)}
    keep = [places.get(float(t)) for t in nodes]
    march = March()
    with setup:
        levels = setup.coarse_levels()
        passes = march.run(setup, *setup.survey(levels), nodes, keep, tol, most)
        setup.deliver(out, passes)
        march.finished = True
    ends = [i for i, frame in enumerate(keep) if frame is not None]
    result = march.result(setup, nodes, ends, out)
    return finished(result, raise_on_failure)


class March:
    """The time loop: as many steps in one pass as the halo allows; and its certificate."""

    def __init__(self) -> None:
        self.bounds: list[Bound] = []
        self.gaps: list[float] = []
        self.statuses: list[Status] = []
        self.iterations = 0
        self.scale, self.rounding, self.finished = 1.0, 0.0, False

    def run(
        self,
        setup: Setup,
        facts: Facts,
        means: np.ndarray,
        nodes: np.ndarray,
        keep: list[int | None],
        tol: float,
        most: int,
    ) -> Passes:
        """March through all nodes; node i is stored as the frame of number ``keep[i]``."""
        facts, _, self.scale = setup.scaled(facts, means)
        del means
        ends = nodes * self.scale
        taus = np.diff(ends, prepend=0.0).tolist()
        if needs_double(setup.like, setup.energy, max(taus), facts.largest):
            setup.use_double()
        goal = Goal(tol, most, reference=NEGLIGIBLE * facts.contrast)
        count = partial(
            count_iterations,
            setup.picture, setup.weights, setup.energy, ends, goal, setup.workers,
        )  # fmt: skip
        counts = setup.workspace.decided("counts", count)
        floors = [rounding_floor(setup.like, setup.energy, t, facts.largest) for t in taus]
        goals = [Goal(tol, most, floor=floor, reference=goal.reference) for floor in floors]
        passes = setup.passes()
        # short steps have small gaps, which sums in float32 would hide: each pass would run twice
        dual = TiledDual(passes, setup.halo, exact=True)
        self._march(dual, setup.halo, taus, goals, counts, keep)
        self.rounding = setup.rounding
        return passes

    def result(self, setup: Setup, nodes: np.ndarray, ends: Sequence[int], out: Any) -> FlowResult:
        """The certificate at the nodes of these indices; infinite if the march was stopped."""
        if not self.finished:
            self.bounds = [Bound(math.inf, math.inf, math.inf)] * len(nodes)
            self.gaps, self.statuses = [math.inf] * len(nodes), [Status.STOPPED]
            self.scale = 1.0
        scale, bounds = self.scale, [self.bounds[i] for i in ends]
        error = np.array([bound.distance for bound in bounds]) / scale + self.rounding
        span = setup.data_range
        starts = [0, *(i + 1 for i in ends[:-1])]
        return FlowResult(
            images=out,
            times=nodes[list(ends)],
            flux=None,
            gap=np.array([max(self.gaps[a : b + 1]) for a, b in zip(starts, ends, strict=True)]),
            error_bound=error,
            solver_error=np.array([bound.solver_share for bound in bounds]) / scale**2,
            time_error=np.array([bound.time_share for bound in bounds]) / scale**2,
            iterations=self.iterations,
            num_steps=len(nodes),
            status=Status.worst(self.statuses),
            data_range=span,
            state=None,
            num_values=setup.picture.size,
        )

    def _march(
        self,
        dual: TiledDual,
        halo: int,
        taus: list[float],
        goals: list[Goal],
        counts: list[int],
        keep: list[int | None],
    ) -> None:
        """March through all steps. ``counts`` are the iterations to expect of each."""
        momentum, first = Momentum(), 0
        while first < len(taus):
            last = first + 1
            short_enough = counts[first] <= _LONG
            while (
                short_enough
                and last < len(taus)
                and counts[last] <= _LONG
                and _reach(counts[first : last + 1]) <= halo
            ):
                last += 1
            if not short_enough or _reach(counts[first:last]) > halo:
                momentum = self._long_step(dual, taus[first], goals[first], momentum, counts[first])
                dual.advance(keep[first])
                first += 1
                continue
            part = slice(first, last)
            pieces, after = pieces_of(taus[part], counts[part], keep[part], momentum)
            short: list[int] = []

            def accepts(
                terms: list[StepTerms], first: int = first, short: list[int] = short
            ) -> bool:
                for i, found in enumerate(terms, first):
                    if goals[i].reached(found, counts[i]) is None:
                        short.append(i)
                        factor = 1.1 * math.sqrt(min(goals[i].excess(found), 4.0))
                        counts[i] = min(math.ceil(factor * counts[i]), goals[i].max_num_iter)
                        if i == short[0]:  # later steps will be short as well
                            for k in range(first + len(terms), len(counts)):
                                counts[k] = min(round(factor * counts[k]), goals[k].max_num_iter)
                return not short

            terms = dual.measured(pieces, accepts)
            if short:
                continue
            for i, (piece, found) in enumerate(zip(pieces, terms, strict=True), first):
                self._add(goals[i], found, len(piece.betas))
            momentum, first = after, last
        dual.finish()

    def _long_step(
        self, dual: TiledDual, tau: float, goal: Goal, momentum: Momentum, count: int
    ) -> Momentum:
        """A step that needs corrections, or several passes."""
        expected = max(count, 4 * dual.chunk + 1)  # which is measured before it begins
        start = Momentum(min(momentum.t, float(count)), expected, momentum.relaxation)
        outcome = solve(dual, tau, goal, start)
        self._add(goal, outcome.terms, outcome.iterations)
        return outcome.momentum

    def _add(self, goal: Goal, terms: StepTerms, iterations: int) -> None:
        bound = self.bounds[-1] if self.bounds else Bound()
        self.bounds.append(bound.after(terms))
        self.gaps.append(goal.relative_gap(terms))
        self.statuses.append(goal.reached(terms, iterations) or Status.MAX_ITERATIONS)
        self.iterations += iterations


def _reach(counts: Sequence[int]) -> int:
    """The halo that steps of so many iterations need in one pass."""
    return halo_of(tuple(Piece(1.0, 1.0, (0.0,) * count, advance=True) for count in counts))
