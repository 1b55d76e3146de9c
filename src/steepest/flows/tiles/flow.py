"""The flow of an image larger than memory: as many steps in one pass as the halo allows."""

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from ...convex.certificate import Bound, StepTerms
from ...convex.solve import Goal, Momentum, needs_double, rounding_floor, solve
from ...core.status import Status, finished
from ...tiled.dual import TiledDual
from ...tiled.image import PER_STEP, Statistics, TiledImage
from ...tiled.items import one_by_one
from ...tiled.pass_job import Iterations, halo_of, read_weights
from ...tiled.passes import Passes
from ...tiled.picture import Picture, check_out
from ...tiled.request import TileRequest
from ...tiled.sample import sample
from ..march import NEGLIGIBLE, Hooks, contrast_energy, fresh_state, march
from ..result import FlowResult
from ..time_grid import TimeGrid, check_times

_LONG = 40  # iterations; longer steps begin with a correction
_MARGIN = 1.1  # doing a pass again costs more than some iterations too many


def flow_by_tiles(
    request: TileRequest, times: Any, energy: Any, grid: TimeGrid, batch_axis: int | None
) -> FlowResult:
    """Compute `steepest.flow` tile by tile.

    A sample of the image tells how many iterations each step will need; a pass in which a step
    misses the tolerance is done again with more.
    """
    wanted, own = check_times(times), request.own
    nodes = grid.through(wanted)
    name = f"flow {nodes.tolist()} {own.tol} {energy} {own.max_num_iter}"

    def one(request: TileRequest) -> FlowResult:
        tiled = TiledImage(
            request, energy, name, iterations=PER_STEP * len(nodes), results=len(wanted)
        )
        out = check_out(request.out, tiled.picture, (len(wanted),))
        places = {float(t): k for k, t in enumerate(wanted)}
        keep = [places.get(float(t)) for t in nodes]
        march = TiledMarch()
        with tiled:
            levels = tiled.coarse_levels()
            survey = tiled.survey(levels)
            passes = march.run(tiled, *survey, nodes, keep, own.tol, own.max_num_iter)
            passes.write(out)
            march.finished = True
        ends = [i for i, frame in enumerate(keep) if frame is not None]
        return finished(march.result(tiled, nodes, ends, out), own.raise_on_failure)

    return one_by_one(one, request, (len(wanted),), coupled=energy.coupled, batch_axis=batch_axis)


class _Steps:
    """The lengths and goals of the steps, in float32 for as long as it resolves their gaps."""

    def __init__(
        self, tiled: TiledImage, passes: Passes, facts: Statistics, taus: list[float], goal: Goal
    ) -> None:
        self.taus, self._goal = taus, goal
        self._tiled, self._passes, self._facts = tiled, passes, facts
        self._set_goals()

    def _set_goals(self) -> None:
        like, energy, size = self._tiled.like, self._tiled.energy, self._facts.largest
        # in float32, a stop before a step is solved for which that is enough is not due to rounding
        floors = [
            0.0 if self.is_rounded(tau) else rounding_floor(like, energy, tau, size)
            for tau in self.taus
        ]
        self.goals = [replace(self._goal, floor=floor) for floor in floors]

    def is_rounded(self, tau: float, allowed: float = 0.0) -> bool:
        """Whether a step is not accurate enough (see `needs_double`)."""
        tiled = self._tiled
        return needs_double(tiled.like, tiled.energy, tau, self._facts.largest, allowed)

    def choose_precision(self, i: int, last: StepTerms | None) -> None:
        """Go over to float64 if step i needs it, as in memory; ``last`` are the terms before."""
        tau, allowed = self.taus[i], 0.0
        if last is not None:
            contrast = last.dual_energy - self._facts.constant
            allowed = self.goals[i].allowed(min(tau * last.value, contrast))
        if self.is_rounded(tau, allowed):
            self._passes.picture = replace(self._tiled.picture, double=True)
            self._tiled.picture = self._passes.picture
            self._set_goals()


class TiledMarch:
    """The time loop on tiles, and its certificate."""

    def __init__(self) -> None:
        self.bounds: list[Bound] = []
        self.gaps: list[float] = []
        self.statuses: list[Status] = []
        self.iterations = 0
        self._last: StepTerms | None = None
        self.scale, self.rounding, self.finished = 1.0, 0.0, False

    def run(
        self,
        tiled: TiledImage,
        facts: Statistics,
        means: np.ndarray,
        nodes: np.ndarray,
        keep: list[int | None],
        tol: float,
        most: int,
    ) -> Passes:
        """March through all nodes; node i is stored as the frame of number ``keep[i]``."""
        facts, _, self.scale = tiled.scaled(facts, means)
        del means
        ends = nodes * self.scale
        taus = np.diff(ends, prepend=0.0).tolist()
        if needs_double(tiled.like, tiled.energy, max(taus), facts.largest):
            tiled.make_room_for_double()
        goal = Goal(tol, most, reference=NEGLIGIBLE * facts.contrast)
        count = partial(
            count_iterations,
            tiled.picture, tiled.weights, tiled.energy, ends, goal, tiled.num_workers,
        )  # fmt: skip
        counts = tiled.workspace.decided("counts", count)
        passes = tiled.passes()
        # short steps have small gaps, which sums in float32 would hide: each pass would run twice
        dual = TiledDual(passes, tiled.depth, exact=True)
        steps = _Steps(tiled, passes, facts, taus, goal)
        self._march(dual, tiled.depth, steps, counts, keep)
        self.rounding = tiled.rounding
        return passes

    def result(
        self, tiled: TiledImage, nodes: np.ndarray, ends: Sequence[int], out: Any
    ) -> FlowResult:
        """The certificate at the nodes of these indices; infinite if the march was stopped."""
        if not self.finished:
            self.bounds = [Bound(math.inf, math.inf, math.inf)] * len(nodes)
            self.gaps, self.statuses = [math.inf] * len(nodes), [Status.STOPPED]
            self.scale = 1.0
        scale, bounds = self.scale, [self.bounds[i] for i in ends]
        error = np.array([bound.distance for bound in bounds]) / scale + self.rounding
        span = tiled.data_range
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
            num_values=tiled.picture.size,
        )

    def _march(
        self,
        dual: TiledDual,
        halo: int,
        steps: _Steps,
        counts: list[int],
        keep: list[int | None],
    ) -> None:
        """March through all steps. ``counts`` are the iterations to expect of each."""
        momentum, first, taus = Momentum(), 0, steps.taus
        while first < len(taus):
            steps.choose_precision(first, self._last)
            goals, last = steps.goals, first + 1
            short_enough = counts[first] <= _LONG
            while (
                short_enough
                and last < len(taus)
                and not steps.is_rounded(taus[last - 1])
                and not steps.is_rounded(taus[last])
                and counts[last] <= _LONG
                and _halo_for(counts[first : last + 1]) <= halo
            ):
                last += 1
            if not short_enough or _halo_for(counts[first:last]) > halo:
                momentum = self._long_step(dual, taus[first], goals[first], momentum, counts[first])
                dual.advance(keep[first])
                first += 1
                continue
            part = slice(first, last)
            pieces, after = pieces_of(taus[part], counts[part], keep[part], momentum)
            short: list[int] = []

            def accepts(
                terms: list[StepTerms], first: int = first, short: list[int] = short,
                goals: list[Goal] = goals,
            ) -> bool:  # fmt: skip
                for i, found in enumerate(terms, first):
                    if goals[i].reached(found, counts[i]) is None:
                        short.append(i)
                        factor = 1.1 * math.sqrt(min(goals[i].excess(found), 4.0))
                        counts[i] = min(math.ceil(factor * counts[i]), goals[i].max_num_iter)
                        if i == short[0]:  # later steps will be short as well
                            for k in range(first + len(terms), len(counts)):
                                counts[k] = min(round(factor * counts[k]), goals[k].max_num_iter)
                return not short

            terms = dual.measure_pieces(pieces, accepts)
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
        self._last = terms


def _halo_for(counts: Sequence[int]) -> int:
    """The halo that steps of so many iterations need in one pass."""
    return halo_of(tuple(Iterations(1.0, 1.0, (0.0,) * count, advance=True) for count in counts))


def count_iterations(
    picture: Picture,
    weights: Picture | None,
    energy: Any,
    nodes: np.ndarray,
    goal: Goal,
    num_threads: int,
) -> list[int]:
    """The iterations that each step takes on a sample."""
    counts: list[int] = []

    def note(index: int, time: float, outcome: Any, bound: Any, image: Any) -> None:
        counts.append(max(round(_MARGIN * outcome.iterations), 2))

    part = sample(picture.space, picture.read)
    if weights is not None:
        shares = sample(picture.space, lambda window: read_weights(weights, window))
        energy = replace(energy, weights=shares).on(part, energy.steps)
    local = Goal(goal.tol, goal.max_num_iter, reference=NEGLIGIBLE * contrast_energy(part))
    nothing = np.zeros(len(nodes), bool)
    march(
        energy, fresh_state(part), 0.0, nodes, nothing, local,
        num_threads=num_threads, hooks=Hooks(after_step=note),
    )  # fmt: skip
    return counts


def pieces_of(
    taus: Sequence[float], counts: Sequence[int], frames: Sequence[int | None], momentum: Momentum
) -> tuple[tuple[Iterations, ...], Momentum]:
    """The pieces of consecutive steps, and the momentum after them."""
    pieces = []
    for tau, count, frame in zip(taus, counts, frames, strict=True):
        short = Momentum(min(momentum.t, float(count)))
        betas, t = short.factors(count)
        pieces.append(
            Iterations(
                tau, momentum.relaxation, tuple(betas), measure=True, keep=frame, advance=True
            )
        )
        momentum = Momentum(t, momentum.expected, momentum.relaxation)
    return tuple(pieces), momentum
