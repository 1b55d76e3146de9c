"""Run passes over all tiles, keep the journal, and add up the sums."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from ..convex.compiled.dual import CompiledDual
from ..convex.compiled.multilevel import coarse_change, halved
from ..convex.total_variation import TotalVariation
from ..core.progress import Progress, Reporter, asks_to_stop
from .picture import Picture
from .task import Coarse, Job, Piece, State, halo_of, read_blocks, run_job
from .windows import Tiling
from .workspace import Gone, Workspace


class Stopped(Exception):
    """The callback has asked to stop."""


@dataclass(frozen=True)
class Crew:
    """Who works: an executor, how many jobs it gets at a time, and who hears of it."""

    executor: Executor
    at_once: int
    num_threads: int
    report: Reporter

    def run(
        self, function: Callable[[Any], Any], jobs: Iterable[Any], total: int, stage: str
    ) -> Iterator[tuple[Any, Any]]:
        """``(job, function(job))`` for all jobs, in the order in which they end."""
        pending: dict[Future[Any], Any] = {}
        on_step = self.report.stage
        waiting = iter(jobs)
        try:
            while True:
                for job in waiting:
                    pending[self.executor.submit(function, job)] = job
                    if len(pending) >= self.at_once:
                        break
                if not pending:
                    return
                finished, _ = wait(pending, return_when=FIRST_COMPLETED)
                for future in finished:
                    job = pending.pop(future)
                    yield job, future.result()
                    if asks_to_stop(on_step, Progress(0, total, None, stage)):
                        raise Stopped
        finally:
            wait([future for future in pending if not future.cancel()])


@contextmanager
def crew(
    executor: Executor | None, workers: int, num_threads: int, report: Reporter
) -> Iterator[Crew]:
    """A crew of threads, or of the caller's executor."""
    if executor is not None:
        yield Crew(executor, workers, num_threads, report)
        return
    with ThreadPoolExecutor(workers, thread_name_prefix="steepest-tile") as threads:
        yield Crew(threads, 2 * workers, num_threads, report)


def journaled(
    team: Crew,
    store: Workspace,
    journal: str,
    function: Callable[[Any], np.ndarray],
    jobs: Iterable[Any],
    total: int,
    stage: str,
    writes: Iterable[str] = (),
) -> list[np.ndarray]:
    """What ``function`` returns, and puts under the name ``journal``, for each tile, in order.

    What is there from interrupted work is not computed again, unless arrays are missing that the
    jobs put under the names ``writes``.
    """
    lacking = store.lacking(writes, total)
    done = [n for n in range(total) if n not in lacking]
    rows = {n: found for n in done if (found := store.get(journal, n)) is not None}
    left = (job for job in jobs if job.tile.number not in rows)
    try:
        for job, found in team.run(function, left, total - len(rows), stage):
            rows[job.tile.number] = found
    except Gone:  # a tile was done, and then others have used it
        first = min(set(range(total)) - rows.keys())
        raise store.lost(lacking.get(first, store.path(journal, first))) from None
    return [rows[number] for number in range(total)]


@dataclass(frozen=True)
class Coarser:
    """The grid of corrections: halved ``levels`` times, with the energy of the image there."""

    levels: int
    energy: TotalVariation
    num_threads: int | None = None


class Passes:
    """The state of an image on tiles, and passes over it.

    The journal holds the sums of every finished tile of every pass. If the work is interrupted and
    started again, it goes through the same passes, and what is in the journal is not done again.
    """

    def __init__(
        self,
        picture: Picture,
        energy: TotalVariation,
        tiling: Tiling,
        workspace: Workspace,
        team: Crew,
        coarse: Coarse | None = None,
        weights: Picture | None = None,
        coarser: Coarser | None = None,
    ) -> None:
        self.picture, self.energy, self.tiling = picture, energy, tiling
        self.coarser = coarser
        self.weights = weights
        self.num_passes = 0
        self.frames: dict[int, str] = {}  # the names under which images were stored last
        self._store, self._crew = workspace, team
        self._state = self._next = State(coarse=coarse)

    def run(self, pieces: tuple[Piece, ...], feasible: float | None) -> np.ndarray:
        """Do ``pieces`` on every tile; return the sums of the measurements, one row for each.

        The state is the same as before until `commit` is called.
        """
        self._drop(self._next, self._state)
        if self._blocks != self._state.blocks:
            self._store.drop(self._blocks)
        self.num_passes += 1
        journal, halo = f"sums-{self.num_passes}", halo_of(pieces)
        block = 2 ** len(pieces[0].refining)  # windows of coarser grids begin where blocks do
        # names are never used again: a worker that was given up for dead may still write
        advance = any(piece.advance for piece in pieces)
        data = f"data-{self.num_passes}" if advance else self._state.data
        moves = any(piece.betas or piece.restart for piece in pieces)
        same = self._state.flux is not None and self._state.coarse is None and not moves
        self._next = State(data, self._state.flux if same else f"flux-{self.num_passes}")
        frames = {
            piece.keep: f"frame-{piece.keep}-{self.num_passes}"
            for piece in pieces
            if piece.keep is not None
        }
        jobs = (
            Job(
                tile, self.tiling, self.picture, self.weights, self.energy, pieces, self._store,
                self._state, self._next, journal, frames, self._blocks, feasible,
                self._crew.num_threads,
            )
            for tile in self.tiling.tiles(-(-halo // block) * block)
        )  # fmt: skip
        changed = {self._next.data, self._next.flux} - {self._state.data, self._state.flux}
        writes = [*map(str, changed), *frames.values()]
        writes += [self._blocks] if any(piece.blocks for piece in pieces) else []
        rows = journaled(
            self._crew, self._store, journal, run_job, jobs, len(self.tiling),
            f"pass {self.num_passes}", writes,
        )  # fmt: skip
        for keep in frames.keys() & self.frames.keys():
            self._store.drop(self.frames[keep])
        self.frames.update(frames)
        every = np.array(rows)
        total = every.sum(0)  # always in the order of the tiles
        total[:, :1] = every[:, :, :1].max(0)
        return total

    def correct(self, tau: float) -> None:
        """Let the next pass begin with a correction. The last one has stored what it needs."""
        assert self.coarser is not None
        levels, name = self.coarser.levels, f"change-{self.num_passes}"
        self._store.ensure(name, partial(self._change, self.coarser, tau))
        self._state = replace(
            self._state, coarse=Coarse(name, levels), share=1.0, blocks=self._blocks
        )

    def share_correction(self, share: float) -> None:
        """Let the next pass begin with this share of the correction."""
        self._state = replace(self._state, share=share)

    def _change(self, coarser: Coarser, tau: float) -> np.ndarray:
        levels, picture, space = (
            coarser.levels,
            self.picture,
            self.tiling.halved(coarser.levels).space,
        )
        axes = 1 if self.energy.isotropic else len(space)
        mean, room = (np.empty((n, *space), picture.dtype) for n in (picture.channels, axes))
        parts = mean, np.empty((len(space), *mean.shape), picture.dtype), room
        for tile in self.tiling.tiles(0):
            own = tuple(slice(c.start // 2, -(-c.stop // 2)) for c in tile.core)
            found = read_blocks(self._store, self._blocks, self.tiling, own, picture, axes)
            for _ in range(levels - 1):
                found = halved(*found)
            at: Any = (..., *(slice(c.start >> levels, -(-c.stop >> levels)) for c in tile.core))
            for whole, part in zip(parts, found, strict=True):
                whole[at] = part

        def solver(f: np.ndarray, energy: TotalVariation) -> CompiledDual:
            return CompiledDual(f, energy, coarser.num_threads)

        return coarse_change(parts, coarser.energy, tau, solver)

    @property
    def _blocks(self) -> str:
        return f"blocks-{self.num_passes}"

    @property
    def flux(self) -> str | None:
        """The name under which the last pass has put the flux."""
        return self._next.flux

    def commit(self) -> None:
        """Make the result of the last pass the state."""
        self._drop(self._state, self._next)
        change = self._state.coarse
        if change is not None and self._state.flux is not None:
            self._store.drop(change.name)
            self._store.drop(self._state.blocks)
        self._state = self._next

    def _drop(self, old: State, kept: State) -> None:
        for name in {old.data, old.flux} - {kept.data, kept.flux, None}:
            self._store.drop(str(name))
