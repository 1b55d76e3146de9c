"""What every tiled function does first: check, survey the image, choose tiles, find a start."""

from __future__ import annotations

import math
from collections.abc import Sequence
from concurrent.futures import Executor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np

from ..convex.registry import make_dual
from ..convex.solve import Goal, Momentum
from ..convex.step import solve_step
from ..convex.total_variation import TotalVariation
from ..core.arrays import check_spacing
from ..core.errors import InputError
from ..core.numbers import check_count, check_number
from ..core.progress import Callback, Reporter
from ..core.threads import resolve_num_threads
from .passes import Crew, Passes, Stopped, crew
from .picture import Picture, check_picture, scale_of
from .task import Coarse, Survey, run_survey
from .windows import Tiling, make_tiling
from .workspace import OnDisk, Workspace

_COARSE_BYTES = 64  # of the solver on the coarse grid, per pixel
_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}


@dataclass(frozen=True)
class Facts:
    """What a survey found: largest magnitude and contrast energy of the values."""

    largest: float
    contrast: float


class Like:
    """Shape and dtype of an array that is not in memory."""

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype) -> None:
        self.shape, self.dtype = shape, dtype


class Setup:
    """A prepared image; a context manager that ends the crew and removes the workspace."""

    def __init__(
        self,
        image: Any,
        energy: TotalVariation,
        signature: str,
        *,
        spacing: float | Sequence[float] | None = None,
        channel_axis: int | None = None,
        data_range: float | None = None,
        halo: int = 96,
        memory: int | str = "2GB",
        work: str | Path | None = None,
        executor: Executor | None = None,
        num_workers: int | None = None,
        num_threads: int | None = None,
        on_step: Callback | None = None,
    ) -> None:
        picture = check_picture(image, channel_axis)
        self.steps = check_spacing(spacing, len(picture.space))
        energy = energy.on(np.zeros((1, *(1,) * len(picture.space)), np.float32), self.steps)
        self.picture, self.energy = picture, energy
        self.halo = check_count(halo, "halo", least=8, most=4096)
        self._range = data_range
        if data_range is not None:
            self.data_range = check_number(data_range, "data_range", positive=True)
        else:
            self.data_range = 1.0
        threads = resolve_num_threads(num_threads)
        self.workers = threads if num_workers is None else check_count(num_workers, "num_workers")
        inner = 1 if executor is None else threads
        self.budget = check_memory(memory)
        self.tiling = self._tiling()
        described = (picture.shape, str(picture.array.dtype), channel_axis, self.steps)
        self.signature = f"{signature} {described} {self.tiling.size} {halo}"
        self._work, self._executor = work, executor
        self._threads, self._report = inner, Reporter(on_step)
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self.workspace: Workspace = OnDisk(self._work, self.signature)
        self.crew: Crew = self._stack.enter_context(
            crew(self._executor, self.workers, self._threads, self._report)
        )
        return self

    def __exit__(self, kind: type | None, *error: object) -> bool:
        self._stack.close()
        if self._work is None or kind is None:
            self.workspace.close()
        return kind is Stopped

    def _tiling(self) -> Tiling:
        picture = self.picture
        size, budget = picture.dtype.itemsize, self.budget // 2
        return make_tiling(picture.space, picture.channels, size, self.halo, budget, self.workers)

    @property
    def like(self) -> Like:
        """Shape (channels, \\*space) and dtype of what is computed."""
        return Like((self.picture.channels, *self.tiling.space), self.picture.dtype)

    def passes(self, frames: Sequence[Picture], coarse: Coarse | None = None) -> Passes:
        """Passes over the image, which write ``frames``."""
        return Passes(
            self.picture, self.energy, self.tiling, self.workspace, self.crew, frames, coarse
        )

    def use_double(self) -> None:
        """Compute in float64, on smaller tiles."""
        self.picture = replace(self.picture, double=True)
        self.tiling = self._tiling()

    def survey(self, levels: int) -> tuple[Facts, np.ndarray]:
        """The facts, and the image averaged over blocks of ``2**levels`` pixels."""
        picture, space = self.picture, self.tiling.space
        block = 2**levels
        means = np.zeros((picture.channels, *(-(-n // block) for n in space)), picture.dtype)
        rows = np.zeros((len(self.tiling), 4, picture.channels))
        jobs = (Survey(picture, tile, levels) for tile in self.tiling.tiles(0))
        for job, (facts, part) in self.crew.run(run_survey, jobs, 0, len(rows), "survey"):
            rows[job.tile.number] = facts
            core = tuple(slice(c.start // block, -(-c.stop // block)) for c in job.tile.core)
            means[(slice(None), *core)] = part
        low, high = rows[:, 0].min(), rows[:, 1].max()
        count = math.prod(space)
        mean, square = rows[:, 2].sum(0) / count, rows[:, 3].sum(0) / count
        contrast = 0.5 * count * float(np.maximum(square - mean * mean, 0).sum())
        span = float(high - low)
        whole = np.dtype(picture.array.dtype).kind in "ub"
        data_range = 1.0 if whole or span == 0 else span
        if self._range is None:
            self.data_range = data_range
        return Facts(float(max(abs(low), abs(high))), contrast), means

    def scaled(self, facts: Facts, means: np.ndarray) -> tuple[Facts, np.ndarray, float]:
        """Bring the values near one (see `flows.problem`)."""
        scale = scale_of(facts.largest, self.picture)
        if scale != 1.0:
            self.picture = replace(self.picture, scale=scale)
            self.energy = self.energy.scaled(scale)
            means = (means.astype(np.float64) * scale).astype(means.dtype)
            facts = Facts(facts.largest * scale, facts.contrast * scale**2)
        return facts, means, scale

    def coarse_levels(self) -> int:
        """How often the grid is halved until a third of the memory suffices to solve on it."""
        levels, shape = 1, self.tiling.space
        while True:
            shape = tuple(-(-n // 2) for n in shape)
            pixels = math.prod(shape) * self.picture.channels
            if pixels * _COARSE_BYTES <= self.budget / 3 or max(shape) == 1:
                return levels
            levels += 1

    def coarse_start(self, means: np.ndarray, tau: float, tol: float, levels: int) -> Coarse | None:
        """The flux of the averaged image, solved in one piece."""
        space = self.tiling.space
        if max(space) < 64:
            return None
        steps = tuple(
            h * 2 ** min(levels, max(n - 1, 0).bit_length())
            for h, n in zip(self.steps, space, strict=True)
        )
        energy = replace(self.energy, spacing=steps)
        dual = make_dual(means, energy, self.workers)
        solve_step(dual, tau, Goal(tol, 500), Momentum(), cold=True)
        self.workspace.put("coarse", 0, dual.flux)
        return Coarse("coarse", levels)


def check_memory(memory: Any) -> int:
    """The number of bytes of 2000000000, "2GB" or "500 MB".

    Raises
    ------
    InputError
        For anything else.
    """
    if isinstance(memory, str):
        text = memory.strip().lower().removesuffix("b").removesuffix("i").strip()
        number, unit = text.rstrip("kmgt").strip(), text[-1:] if text[-1:] in "kmgt" else ""
        try:
            value = float(number) * _UNITS[unit]
        except ValueError:
            value = math.nan
    else:
        value = float(check_count(memory, "memory"))
    if not 1e6 <= value < 1e15:
        raise InputError(
            f"memory={memory!r}; allowed are a number of bytes or text like '2GB', of at least 1 MB"
        )
    return int(value)
