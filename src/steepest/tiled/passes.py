"""Run passes over all tiles, keep the journal, and add up the sums."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..convex.compiled.kernels_measure import NUM_SUMS
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
    """The state of an image on tiles, and passes over it."""

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
        self.num_passes = self.bytes_moved = 0
        self._workspace, self._crew, self._frames = workspace, team, tuple(frames)
        self._state = State(picture, coarse=coarse)
        self._next: State | None = None
        self._buffer = self._data_buffer = 0

    def run(
        self, pieces: tuple[Piece, ...], feasible: float | None, keep_state: bool = True
    ) -> np.ndarray:
        """Do ``pieces`` on every tile; return the sums of the measurements, one row for each.

        The state is the same as before until `commit` is called.
        """
        self.num_passes += 1
        measured = max(sum(piece.measure for piece in pieces), 1)
        shape = (len(self.tiling), measured, NUM_SUMS)
        chunks = (1, *shape[1:])
        journal = self._workspace.array(f"sums-{self.num_passes}", shape, chunks, np.float64)
        done = ~np.isnan(np.asarray(journal[:, 0, 0]))
        advance = any(piece.advance for piece in pieces)
        self._next = self._buffers(advance) if keep_state else None
        jobs = (
            Job(
                tile, self.tiling.space, self.energy, pieces, self._state, self._next,
                self._frames, feasible, self._crew.num_threads,
            )
            for tile in self.tiling.tiles(halo_of(pieces))
            if not done[tile.number]
        )  # fmt: skip
        stage = f"pass {self.num_passes}"
        for job, sums in self._crew.run(run_job, jobs, int(done.sum()), len(done), stage):
            row = np.zeros(shape[1:])
            row[: len(sums)] = sums
            journal[job.tile.number] = row
        rows = np.asarray(journal[:])
        total = rows.sum(0)  # always in the order of the tiles
        total[:, 0] = rows[:, :, 0].max(0)
        return total

    def commit(self) -> None:
        """Make the result of the last pass the state."""
        if self._next is not None:
            self._data_buffer ^= self._next.f is not self._state.f
            self._state, self._buffer = self._next, 1 - self._buffer

    def _buffers(self, advance: bool) -> State:
        """The arrays for the next state: numbers 0 and 1 take turns."""
        number = 1 - self._buffer
        space, channels = self.tiling.space, self.picture.channels
        dtype, axes = self.picture.dtype, len(space)
        chunks = tuple(_chunk(n, m) for n, m in zip(space, self.tiling.size, strict=True))

        def array(name: str, *ahead: int) -> Any:
            size = (*(1 for _ in ahead), channels, *chunks)
            return self._workspace.array(name, (*ahead, channels, *space), size, dtype)

        f = Picture(array(f"f-{1 - self._data_buffer}"), 0) if advance else self._state.f
        return State(f, array(f"p-{number}", axes), array(f"y-{number}", axes))


def _chunk(length: int, tile: int) -> int:
    """The length of a chunk: a part of a tile, so that a halo costs little more than itself."""
    size = min(tile, length)
    for parts in (8, 4, 2):
        if tile % (parts * 64) == 0 and tile // parts >= 256:
            return tile // parts
    return size
