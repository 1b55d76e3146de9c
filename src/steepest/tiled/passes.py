"""Run passes over all tiles, keep the journal, and add up the sums."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..convex.total_variation import TotalVariation
from ..core.progress import Progress, Reporter
from .picture import Picture
from .task import Coarse, Job, Piece, State, halo_of, run_job
from .windows import Tiling
from .workspace import Workspace


class Stopped(Exception):
    """The callback has asked to stop."""


@dataclass(frozen=True)
class Crew:
    """Who works: an executor, how many jobs it gets at a time, and who hears of it."""

    executor: Executor
    workers: int
    num_threads: int
    report: Reporter

    def run(
        self, function: Callable[[Any], Any], jobs: Iterable[Any], done: int, total: int, stage: str
    ) -> Iterator[tuple[Any, Any]]:
        """``(job, function(job))`` for all jobs, in the order in which they end."""
        pending: dict[Future[Any], Any] = {}
        waiting = iter(jobs)
        try:
            while True:
                for job in waiting:
                    pending[self.executor.submit(function, job)] = job
                    if len(pending) >= 2 * self.workers:
                        break
                if not pending:
                    return
                finished, _ = wait(pending, return_when=FIRST_COMPLETED)
                for future in finished:
                    job = pending.pop(future)
                    yield job, future.result()
                    done += 1
                    if self.report(Progress(0, total, None, stage)):
                        raise Stopped
        finally:
            for future in pending:
                future.cancel()
            wait(pending)


@contextmanager
def crew(
    executor: Executor | None, workers: int, num_threads: int, report: Reporter
) -> Iterator[Crew]:
    """A crew of threads, or of the caller's executor."""
    if executor is not None:
        yield Crew(executor, workers, num_threads, report)
        return
    with ThreadPoolExecutor(workers, thread_name_prefix="steepest-tile") as threads:
        yield Crew(threads, workers, num_threads, report)


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
        frames: Sequence[Picture] = (),
        coarse: Coarse | None = None,
    ) -> None:
        self.picture, self.energy, self.tiling = picture, energy, tiling
        self.num_passes = 0
        self._store, self._crew, self._frames = workspace, team, tuple(frames)
        self._state = self._next = State(coarse=coarse)

    def run(self, pieces: tuple[Piece, ...], feasible: float | None) -> np.ndarray:
        """Do ``pieces`` on every tile; return the sums of the measurements, one row for each.

        The state is the same as before until `commit` is called.
        """
        self.num_passes += 1
        journal, halo = f"sums-{self.num_passes}", halo_of(pieces)
        self._next = self._following(any(piece.advance for piece in pieces))
        rows = {
            tile.number: found
            for tile in self.tiling.tiles(0)
            if (found := self._store.get(journal, tile.number)) is not None
        }
        jobs = (
            Job(
                tile, self.tiling, self.picture, self.energy, pieces, self._store, self._state,
                self._next, journal, self._frames, feasible, self._crew.num_threads,
            )
            for tile in self.tiling.tiles(halo)
            if tile.number not in rows
        )  # fmt: skip
        stage = f"pass {self.num_passes}"
        for job, sums in self._crew.run(run_job, jobs, len(rows), len(self.tiling), stage):
            rows[job.tile.number] = sums
        every = np.array([rows[number] for number in range(len(self.tiling))])
        total = every.sum(0)  # always in the order of the tiles
        total[:, :1] = every[:, :, :1].max(0)
        return total

    def commit(self) -> None:
        """Make the result of the last pass the state."""
        self._state = self._next

    def _following(self, advance: bool) -> State:
        """The names for the next state: two take turns."""
        data = self._state.data
        if advance:
            data = _other("data", data)
        return State(data, _other("flux", self._state.flux))


def _other(name: str, present: str | None) -> str:
    return f"{name}-2" if present == f"{name}-1" else f"{name}-1"
