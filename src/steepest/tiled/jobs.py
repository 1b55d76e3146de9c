"""Jobs, one for each tile; the workers that do them; and the journal of what they found."""

from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ..core.progress import Progress, Reporter, asks_to_stop
from .windows import Tile, Tiling
from .workspace import Dropped, Workspace


class Stopped(Exception):
    """The callback has asked to stop."""


@dataclass(frozen=True)
class TileJob:
    """One tile and what `run` does with it, which is kept under the name ``journal``, if any."""

    tile: Tile
    tiling: Tiling
    store: Workspace
    journal: str
    num_threads: int

    @abstractmethod
    def run(self) -> Any:
        """Do the job; return what the caller needs to know of the tile, an array if journaled."""

    def put(self, name: str, array: Any) -> None:
        """Keep an array of this tile under a name."""
        self.store.put(name, self.tile.number, array)


def _run(job: TileJob) -> Any:
    found = job.run()
    if job.journal:
        job.put(job.journal, found)
    return found


@dataclass(frozen=True)
class Workers:
    """An executor, the number of jobs it holds at a time, and the reporter of finished jobs."""

    executor: Executor
    at_once: int
    num_threads: int
    report: Reporter

    def map(self, jobs: Iterable[TileJob], total: int, stage: str) -> Iterator[tuple[int, Any]]:
        """The number of the tile and the result of each job, in the order in which they end."""
        pending: dict[Future[Any], TileJob] = {}
        on_step = self.report.stage
        waiting = iter(jobs)
        try:
            while True:
                for job in waiting:
                    pending[self.executor.submit(_run, job)] = job
                    if len(pending) >= self.at_once:
                        break
                if not pending:
                    return
                finished, _ = wait(pending, return_when=FIRST_COMPLETED)
                for future in finished:
                    job = pending.pop(future)
                    yield job.tile.number, future.result()
                    if asks_to_stop(on_step, Progress(0, total, None, stage)):
                        raise Stopped
        finally:
            wait([future for future in pending if not future.cancel()])


@contextmanager
def start_workers(
    executor: Executor | None, workers: int, num_threads: int, report: Reporter
) -> Iterator[Workers]:
    """Threads, or the caller's executor."""
    if executor is not None:
        yield Workers(executor, workers, num_threads, report)
        return
    with ThreadPoolExecutor(workers, thread_name_prefix="steepest-tile") as threads:
        yield Workers(threads, 2 * workers, num_threads, report)


def run_on_tiles(
    workers: Workers,
    store: Workspace,
    tiling: Tiling,
    kind: Callable[..., TileJob],
    halo: int,
    journal: str,
    stage: str,
    writes: Iterable[str] = (),
    **needs: Any,
) -> list[Any]:
    """The results of the jobs of this ``kind`` for all tiles, in their order.

    What the journal holds is not computed again, unless arrays named ``writes`` are missing.
    """
    total = len(tiling)
    lacking = store.lacking(writes, total)
    known = (
        {} if not journal else {n: store.get(journal, n) for n in set(range(total)) - {*lacking}}
    )
    rows = {n: found for n, found in known.items() if found is not None}
    jobs = (
        kind(tile, tiling, store, journal, workers.num_threads, **needs)
        for tile in tiling.tiles(halo)
        if tile.number not in rows
    )
    try:
        rows.update(workers.map(jobs, total - len(rows), stage))
    except Dropped:  # a tile was done, and then others have used it
        first = min(set(range(total)) - rows.keys())
        raise store.lost(lacking.get(first, store.path(journal, first))) from None
    return [rows[number] for number in range(total)]
