"""Certified total variation flow of arrays that do not fit in memory."""

from __future__ import annotations

import math
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..convex.certificate import Bound, StepTerms, psnr_bound
from ..convex.solve import Goal, Momentum, needs_double, rounding_floor, solve
from ..convex.total_variation import TotalVariation, norm_of
from ..core.errors import NotConverged
from ..core.numbers import check_count, check_number
from ..core.progress import Callback
from ..core.status import Status
from ..flows.march import NEGLIGIBLE
from ..flows.result import FlowResult
from ..flows.time_grid import DEFAULT_GRID, TimeGrid, check_times, make_nodes
from .dual import TiledDual
from .passes import Passes
from .picture import Picture
from .plan import count_iterations, pieces_of
from .setup import Like, Setup
from .task import Piece, halo_of


def tv_flow(
    image: Any,
    times: float | Sequence[float] | np.ndarray,
    out: Any = None,
    *,
    tol: float = 1e-3,
    num_steps: int | None = None,
    grid: str | TimeGrid = DEFAULT_GRID,
    isotropic: bool = True,
    huber: float = 0.0,
    spacing: float | Sequence[float] | None = None,
    channel_axis: int | None = None,
    data_range: float | None = None,
    max_num_iter: int = 5000,
    halo: int = 96,
    memory: int | str = "2GB",
    work: str | Path | None = None,
    executor: Executor | None = None,
    num_workers: int | None = None,
    num_threads: int | None = None,
    on_step: Callback | None = None,
    raise_on_failure: bool = False,
) -> FlowResult:
    """Compute the total variation flow of an image on disk."""
    wanted = check_times(times)
    nodes = make_nodes(grid, wanted, num_steps)
    tol, most = check_number(tol, "tol"), check_count(max_num_iter, "max_num_iter")
    energy = TotalVariation(norm=norm_of(isotropic), huber=huber)
    out = np.empty((len(wanted), *image.shape), image.dtype) if out is None else out
    signature = f"tv_flow {nodes.tolist()} {tol} {energy.norm} {huber} {most}"
    with Setup(
        image, energy, signature, channel_axis=channel_axis, spacing=spacing, halo=halo,
        memory=memory, work=work, executor=executor, num_workers=num_workers,
        num_threads=num_threads, on_step=on_step,
    ) as setup:  # fmt: skip
        facts, _, scale = setup.scaled(*setup.survey(0))
        taus = np.diff(nodes * scale, prepend=0.0).tolist()
        like = Like((setup.picture.channels, *setup.tiling.space), setup.picture.dtype)
        if needs_double(like, setup.energy, max(taus), facts.largest):
            setup.picture = replace(setup.picture, double=True)
        frames = tuple(Picture(out, channel_axis, scale, (k,)) for k in range(len(wanted)))
        at = {float(t): k for k, t in enumerate(wanted)}
        keep = [at.get(float(t)) for t in nodes]
        goal = Goal(tol, most, reference=NEGLIGIBLE * facts.contrast)
        counts = count_iterations(
            setup.picture, setup.energy, nodes * scale, goal, setup.workers
        )
        passes = Passes(
            setup.picture, setup.energy, setup.tiling, setup.workspace, setup.crew, frames
        )
        march = _March(TiledDual(passes, setup.halo), goal, setup.halo, facts.largest)
        march.run(taus, counts, keep)
        setup.finished = True
    span = facts.data_range if data_range is None else check_number(data_range, "data_range")
    bounds = [march.bounds[i] for i, frame in enumerate(keep) if frame is not None]
    error = np.array([bound.distance for bound in bounds]) / scale
    size = math.prod(like.shape)
    ends = [i for i, frame in enumerate(keep) if frame is not None]
    gaps = [max(march.gaps[a:b]) for a, b in zip([0, *(i + 1 for i in ends)], [i + 1 for i in ends])]
    result = FlowResult(
        images=out,
        times=wanted,
        flux=None,
        gap=np.array(gaps),
        error_bound=error,
        psnr_bound=np.array([psnr_bound(e, size, span) for e in error]),
        solver_error=np.array([bound.solver_share for bound in bounds]) / scale**2,
        time_error=np.array([bound.time_share for bound in bounds]) / scale**2,
        iterations=march.iterations,
        num_steps=len(nodes),
        status=Status.worst(march.statuses),
        data_range=span,
        state=None,
    )
    if raise_on_failure and not result.converged:
        raise NotConverged(str(result.status), result)
    return result


class _March:
    """The time loop: as many steps in one pass as the halo allows."""

    def __init__(self, dual: TiledDual, goal: Goal, halo: int, size: float) -> None:
        self.bounds: list[Bound] = []
        self.gaps: list[float] = []
        self.statuses: list[Status] = []
        self.iterations = 0
        self._dual, self._goal, self._halo, self._size = dual, goal, halo, size

    def run(self, taus: list[float], counts: list[int], keep: list[int | None]) -> None:
        """March through all steps."""
        momentum, first = Momentum(), 0
        while first < len(taus):
            last = first + 1
            while last < len(taus) and self._fits(counts[first : last + 1]):
                last += 1
            if not self._fits(counts[first:last]):
                momentum = self._long_step(taus[first], keep[first], momentum, counts[first])
                first += 1
                continue
            part = slice(first, last)
            pieces, after = pieces_of(taus[part], counts[part], keep[part], momentum)
            terms = self._dual.measured(pieces, lambda found: not self._missed(found, counts[part]))
            missed = self._missed(terms, counts[part])
            for i in missed:
                factor = 1.1 * math.sqrt(min(self._goal.excess(terms[i]), 4.0))
                counts[first + i] = min(
                    math.ceil(factor * counts[first + i]), self._goal.max_num_iter
                )
            if missed:
                continue
            for piece, found in zip(pieces, terms, strict=True):
                self._add(found, len(piece.betas), piece.tau)
            momentum, first = after, last

    def _fits(self, counts: Sequence[int]) -> bool:
        betas = [(0.0,) * count for count in counts]
        return halo_of(tuple(Piece(1.0, 1.0, b, advance=True) for b in betas)) <= self._halo

    def _missed(self, terms: list[StepTerms], counts: list[int]) -> list[int]:
        """The steps that need more iterations."""
        goal = self._goal
        return [
            i
            for i, (found, count) in enumerate(zip(terms, counts, strict=True))
            if goal.reached(found, count) is None
        ]

    def _add(self, terms: StepTerms, iterations: int, tau: float) -> None:
        bound = self.bounds[-1] if self.bounds else Bound()
        self.bounds.append(bound.after(terms))
        self.gaps.append(self._goal.relative_gap(terms))
        reached = self._goal.reached(terms, iterations)
        self.statuses.append(Status.MAX_ITERATIONS if reached is None else reached)
        self.iterations += iterations

    def _long_step(
        self, tau: float, frame: int | None, momentum: Momentum, count: int
    ) -> Momentum:
        """A step that needs several passes."""
        start = Momentum(min(momentum.t, float(count)), min(count, self._halo), momentum.relaxation)
        outcome = solve(self._dual, tau, self._goal, start)
        self._dual.advance(frame)
        self._add(outcome.terms, outcome.iterations, tau)
        return outcome.momentum
