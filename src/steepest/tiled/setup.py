"""What every tiled function does first: check, survey the image, choose tiles, find a start."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any, Self

import numpy as np

from .. import __version__
from ..convex.registry import make_dual
from ..convex.solve import Goal, Momentum
from ..convex.step import solve_step
from ..convex.total_variation import TotalVariation
from ..core.arrays import check_magnitude, check_spacing
from ..core.errors import InputError
from ..core.numbers import check_count, check_number
from ..core.progress import Callback, Reporter
from ..core.threads import resolve_num_threads
from ..flows.problem import scale_of
from .passes import Coarser, Passes, Stopped, crew
from .picture import Kept, Picture, check_picture, deliver, folder_of, stored
from .task import Coarse, Survey, run_survey
from .windows import (
    Tiling,
    align_of,
    bytes_of,
    bytes_per_value,
    halo_share,
    make_tiling,
    mb_for,
    share_of,
    slabs,
)
from .workspace import open_workspace

_HALOS = (144, 96, 80, 64, 48, 32, 24, 16)
USUAL = 72  # iterations that many images need
PER_STEP = 12  # iterations that a step of a flow needs
_PASS = 60  # reading and writing of a pass takes about as long as so many iterations (measured)
_MEMORY = re.compile(r"(\d*\.?\d+(?:e\d+)?) *(?:([kmgt])(i?))?b?")


@dataclass(frozen=True)
class Facts:
    """What a survey found about the values.

    The largest magnitude, the contrast energy, the largest deviation from the mean (of a channel),
    range and mean.
    """

    largest: float
    contrast: float
    deviation: float
    low: float
    high: float
    mean: float


class Like:
    """Shape and dtype of an array that is not in memory."""

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype) -> None:
        self.shape, self.dtype = shape, dtype


class Setup:
    """A prepared image; a context manager that ends the crew and removes the workspace."""

    def __init__(
        self,
        image: Any,
        beside: Any,
        energy: TotalVariation,
        signature: str,
        floats: bool = False,
        double: bool = False,
        iterations: int = USUAL,
        results: int = 1,
        fields: int | None = None,
        itemsize: float | None = None,
        alone: bool = False,
        *,
        weights: Any = None,
        spacing: float | Sequence[float] | None = None,
        channel_axis: int | None = None,
        data_range: float | None = None,
        halo: int | None = None,
        memory: int | str = "2GB",
        work: str | Path | None = None,
        executor: Executor | None = None,
        num_workers: int | None = None,
        num_threads: int | None = None,
        on_step: Callback | None = None,
    ) -> None:
        picture = replace(check_picture(image, channel_axis), floats=floats, double=double)
        self.steps = check_spacing(spacing, len(picture.space))
        energy = energy.on(np.zeros((1, *(1,) * len(picture.space)), np.float32), self.steps)
        self.picture, self.energy = picture, energy
        self.weights = None if weights is None else check_picture(weights, None, "weights")
        if self.weights is not None and self.weights.space != picture.space:
            raise InputError(
                f"weights of shape {self.weights.space} must have the spatial shape {picture.space}"
            )
        # numbers per value that are kept between two passes: data and a flux with its momentum
        self._flux = fields is None
        self._fields = 2 * len(picture.space) + 1 if fields is None else fields
        self._results = results
        self._given_halo = None if halo is None else check_count(halo, "halo", least=8, most=4096)
        self._range = data_range
        if data_range is not None:
            self.data_range = check_number(data_range, "data_range", positive=True)
        else:
            self.data_range = 1.0
        threads = resolve_num_threads(num_threads)
        self.workers = threads if num_workers is None else check_count(num_workers, "num_workers")
        self.budget = check_memory(memory)
        self._executor, self._threads, self._solvers = executor, threads, self.workers
        self._iterations = iterations  # that the whole work is expected to take
        self._unused = PER_STEP if iterations > USUAL else 0  # a pass takes whole steps only
        # bytes per value as if of the solver of flows; if ``alone``, one tile fits in memory, so
        # that a result that depends on the tiles does not depend on the number of workers
        self._itemsize = itemsize
        counts = range(1, 2 if alone else self.workers + 1)
        self._choose([self.workers] if executor else counts)
        described = (picture.shape, str(picture.array.dtype), channel_axis, self.steps)
        self.signature = f"steepest {__version__} {signature} {described} {halo}"
        self._work, self._beside = work, folder_of(beside, image)
        self.report = Reporter(on_step)
        self._stack, self._largest, self._mean_weights = ExitStack(), 0.0, None

    def __enter__(self) -> Self:
        enter = self._stack.enter_context
        try:
            self.workspace = enter(open_workspace(self._work, self._beside, self.signature))
            self._resume_tiling()
            self.check_space(self._results)
            if self._executor is not None:
                self.picture = self.carried(self.picture, "image")
                if self.weights is not None:
                    self.weights = self.carried(self.weights, "weights")
            self.crew = enter(crew(self._executor, self.workers, self._threads, self.report))
        except BaseException:
            self._stack.__exit__(*sys.exc_info())
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, *error: Any) -> bool:
        self._stack.__exit__(kind, *error)
        return kind is Stopped

    def _choose(self, counts: Sequence[int]) -> None:
        """Choose halo, tiles and one of these numbers of workers: the fastest that fit in memory.

        Instead of several small tiles at a time, with wide halos, there may be fewer large ones,
        on each of which several threads iterate. Where all workers could have a tile of their own,
        but the image has too few, tiles of a flux may also be cut into slabs.
        """
        picture, found, share = self.picture, [], share_of(self.budget)
        error: InputError | None = None
        halos = _HALOS if self._given_halo is None else [self._given_halo]
        for halo, workers in product(halos, reversed(counts)):
            try:
                item = self._itemsize or picture.dtype.itemsize
                tiling = make_tiling(picture.space, picture.channels, item, halo, share, workers)
            except InputError as refused:
                error = refused
                continue
            passes = math.ceil(self._iterations / max(halo - 2 - self._unused, 1))
            few = self._flux and len(tiling) < workers
            for tiles in (tiling, slabs(tiling, workers)) if few else (tiling,):
                busy = min(workers, len(tiles))
                solvers = busy * (self._solvers // busy)
                work = self._iterations / solvers + _PASS * passes / busy
                found.append((halo_share(tiles, halo) * work, halo, -busy, tiles))
        if not found:
            assert error is not None
            raise error
        _, self.halo, negative, self.tiling = min(found, key=lambda each: each[:3])
        self.workers = -negative
        if self._executor is None:
            self._threads = self._solvers // self.workers

    def _resume_tiling(self) -> None:
        """Go on with the tiles of interrupted work, with as many workers as memory allows."""
        name = f"tiles-{self.picture.dtype.name}"
        self.halo, *size = self.workspace.once(name, [self.halo, *self.tiling.size])
        self.tiling = Tiling(self.tiling.space, tuple(size))
        item = self._itemsize or self.picture.dtype.itemsize
        needed = bytes_of(self.tiling, self.picture.channels, item, self.halo)
        fitting = int(share_of(self.budget) // needed)
        if not fitting:
            raise InputError(
                f"memory: the interrupted work has tiles that need {mb_for(needed)} MB; "
                "give more memory, or another folder"
            )
        self.workers = min(self.workers, fitting)

    def check_space(self, frames: int) -> None:
        """Check that the disk has room for two states, and for the frames."""
        values = 2 * self._fields * self.picture.dtype.itemsize
        results = (frames + 1) * self.picture.result_dtype.itemsize  # one may be done again
        self.workspace.check_space(self.picture.size * (values + results))

    def carried(self, picture: Picture, name: str) -> Picture:
        """An array in memory is put into the workspace, where other processes can read it."""
        array = picture.array
        if not isinstance(array, np.ndarray) or isinstance(self._executor, ThreadPoolExecutor):
            return picture
        self.workspace.put(name, 0, array)
        return replace(picture, array=Kept(self.workspace, name, array.shape, array.dtype))

    @property
    def like(self) -> Like:
        """Shape (channels, \\*space) and dtype of what is computed."""
        return Like((self.picture.channels, *self.tiling.space), self.picture.dtype)

    def passes(self, coarse: Coarse | None = None) -> Passes:
        """Passes over the image."""
        coarser = None
        if self.weights is None and self.energy.huber == 0 and max(self.tiling.space) >= 64:
            levels = self.coarse_levels("correction", 2)
            coarser = Coarser(levels, self.coarse_energy(levels), self._solvers)
        return Passes(
            self.picture, self.energy, self.tiling, self.workspace, self.crew, coarse,
            self.weights, coarser,
        )  # fmt: skip

    def deliver(self, out: Any, passes: Passes) -> None:
        """Write the frames into ``out``: the frame of number k into ``out[k]``, or the only one."""
        for frame, name in passes.frames.items():
            lead = (frame,) if len(out.shape) > len(self.picture.shape) else ()
            values = stored(self.workspace, name, self.tiling, self.picture)
            deliver(out, lead, self.picture, values)

    @property
    def rounding(self) -> float:
        """Bound of the distance between an image in float64 and the one in the dtype of results."""
        narrow = self.picture.double and self.picture.result_dtype.name == "float32"
        return 2.0**-24 * math.sqrt(self.picture.size) * self._largest if narrow else 0.0

    def use_double(self) -> None:
        """Compute in float64, on smaller tiles."""
        self.picture = replace(self.picture, double=True)
        self._choose([self.workers])
        self._resume_tiling()

    def survey(self, levels: int) -> tuple[Facts, np.ndarray]:
        """The facts, and the image averaged over blocks of ``2**levels`` pixels.

        Raises
        ------
        InputError
            If the image or the weights are not those of interrupted work.
        """
        picture, space = self.picture, self.tiling.space
        block = 2**levels
        small = tuple(-(-n // block) for n in space)
        means = np.zeros((picture.channels, *small), picture.dtype)
        weights = None if self.weights is None else np.zeros((1, *small), picture.dtype)
        rows = np.zeros((len(self.tiling), 4, picture.channels))
        digests = [["", ""]] * len(rows)
        jobs = (Survey(picture, self.weights, tile, levels) for tile in self.tiling.tiles(0))
        survey = self.crew.run(run_survey, jobs, len(rows), "survey")
        for job, (facts, part, own, found) in survey:
            rows[job.tile.number], digests[job.tile.number] = facts, found
            cells = tuple(slice(c.start // block, -(-c.stop // block)) for c in job.tile.core)
            means[(slice(None), *cells)] = part
            if weights is not None:
                weights[(slice(None), *cells)] = own
        for name, every in zip(("image", "weights"), zip(*digests, strict=True), strict=True):
            self.workspace.check_same(name, every)
        self._mean_weights = None if weights is None else weights[0]
        low, high = rows[:, 0].min(), rows[:, 1].max()
        count = math.prod(space)
        mean, square = rows[:, 2].sum(0) / count, rows[:, 3].sum(0) / count
        contrast = 0.5 * count * float(np.maximum(square - mean * mean, 0).sum())
        span = float(high - low)
        whole = np.dtype(picture.array.dtype).kind in "ub"
        data_range = 1.0 if whole or span == 0 else span
        if self._range is None:
            self.data_range = data_range
        self._largest = float(max(abs(low), abs(high)))
        deviation = float(np.maximum(rows[:, 1].max(0) - mean, mean - rows[:, 0].min(0)).max())
        facts = Facts(
            self._largest, contrast, deviation, float(low), float(high), float(mean.mean())
        )
        return facts, means

    def scaled(self, facts: Facts, means: np.ndarray) -> tuple[Facts, np.ndarray, float]:
        """Bring the values near one (see `flows.problem`)."""
        check_magnitude(np.asarray(facts.largest, self.picture.dtype), "image")
        scale = scale_of(facts.largest)
        if scale != 1.0:
            self.picture = replace(self.picture, scale=scale)
            self.energy = self.energy.scaled(scale)
            means = (means.astype(np.float64) * scale).astype(means.dtype)
            facts = replace(
                facts,
                largest=facts.largest * scale,
                contrast=facts.contrast * scale**2,
                deviation=facts.deviation * scale,
            )
        return facts, means, scale

    def coarse_levels(self, name: str = "levels", fields: int = 1) -> int:
        """How often the grid is halved until there is memory to solve on it.

        ``fields`` is the memory that is needed, relative to that of the solver.
        """
        levels, shape = 1, self.tiling.space
        most = share_of(self.budget) / bytes_per_value(len(shape), self.picture.dtype.itemsize)
        while 2**levels < align_of(shape):
            shape = tuple(-(-n // 2) for n in shape)
            pixels = math.prod(shape) * self.picture.channels * fields
            if pixels <= most or max(shape) == 1:
                break
            levels += 1
        return int(self.workspace.once(name, levels))

    def coarse_energy(self, levels: int) -> TotalVariation:
        """The energy of the image averaged over blocks of ``2**levels`` pixels."""
        steps = tuple(
            h * 2 ** min(levels, max(n - 1, 0).bit_length())
            for h, n in zip(self.steps, self.tiling.space, strict=True)
        )
        return replace(self.energy, spacing=steps, weights=self._mean_weights)

    def coarse_start(self, means: np.ndarray, tau: float, tol: float, levels: int) -> Coarse | None:
        """The flux of the averaged image, solved in one piece."""
        if max(self.tiling.space) < 64:
            return None
        coarse = Coarse(f"coarse-{means.dtype}", levels)

        def solved() -> np.ndarray:
            energy = self.coarse_energy(levels)
            dual = make_dual(means, energy.on(means, energy.steps), self._solvers)
            solve_step(dual, tau, Goal(tol, 500), Momentum(), cold=True)
            return dual.flux

        self.workspace.ensure(coarse.name, solved)
        return coarse


def check_memory(memory: Any) -> int:
    """The number of bytes of 2000000000, "2GB" = 2e9, "500 MB", or "2GiB" = 2 * 1024**3.

    Raises
    ------
    InputError
        For anything else.
    """
    if isinstance(memory, str):
        found, value = _MEMORY.fullmatch(memory.strip().lower()), math.nan
        if found:
            number, unit, binary = found.groups()
            value = float(number) * (1024 if binary else 1000) ** " kmgt".index(unit or " ")
    else:
        value = float(check_count(memory, "memory"))
    if not 1e6 <= value < 1e15:
        raise InputError(
            f"memory={memory!r}; allowed are a number of bytes or text like '2GB' or '2GiB', of at "
            "least 1 MB"
        )
    return int(value)
