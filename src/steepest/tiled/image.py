"""An image that is worked tile by tile: its tiles, workers, workspace and statistics."""

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from typing import Any, Self

import numpy as np

from .. import __version__
from ..convex.capabilities import require
from ..convex.check import assure
from ..convex.registry import is_compiled, make_dual
from ..convex.solve import Goal, Momentum, solve_step
from ..convex.total_variation import TotalVariation
from ..core.arrays import check_magnitude, check_spacing, scale_of
from ..core.errors import InputError
from ..core.progress import Reporter
from .array_dual import reach_of
from .jobs import Stopped, run_on_tiles, start_workers
from .pass_job import CoarseFlux, SurveyJob
from .passes import CorrectionGrid, Passes
from .picture import (
    Floats,
    Picture,
    WorkspaceArray,
    check_picture,
    folder_of,
)
from .request import TileRequest
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
_SMALL = 12  # pixels along each axis of the image on which an energy is tested
_PASS = 60  # reading and writing of a pass takes about as long as so many iterations (measured)


@dataclass(frozen=True)
class Statistics:
    """Largest magnitude, contrast energy, range and mean of an image.

    ``deviation`` is the largest distance of a value from the mean of its channel, and ``constant``
    half of the square of an image that is equal to these means.
    """

    largest: float
    contrast: float
    deviation: float
    low: float
    high: float
    mean: float
    constant: float


@dataclass(frozen=True)
class ShapeAndDtype:
    """What is known of an array that is not in memory."""

    shape: tuple[int, ...]
    dtype: np.dtype


class TiledImage:
    """An image with its tiles and, within ``with``, the workers and the workspace.

    The weights of ``energy`` are read by windows. Interrupted work goes on if its ``signature`` is
    the same. ``iterations`` are those expected, ``results`` the images kept at the end, ``fields``
    the numbers kept per value between passes (default: data and flux with momentum), and
    ``itemsize`` the bytes per value as if of the solver of flows. ``alone``: one tile must fit in
    memory, so that its size does not depend on the number of workers.
    """

    def __init__(
        self,
        request: TileRequest,
        energy: Any,
        signature: str,
        *,
        floats: bool = False,
        double: bool = False,
        iterations: int = USUAL,
        results: int = 1,
        fields: int | None = None,
        itemsize: float | None = None,
        alone: bool = False,
    ) -> None:
        self.how = how = request.tiles
        picture = check_picture(request.image, request.channel_axis)
        picture = replace(picture, floats=floats, double=double)
        require(energy, f"{len(picture.space)}-D")
        weights, given = getattr(energy, "weights", None), request.spacing
        self.steps = check_spacing(
            getattr(energy, "spacing", None) if given is None else given, len(picture.space)
        )
        if weights is not None:
            energy = replace(energy, weights=None)
        energy = energy.on(np.zeros((1, *(1,) * len(picture.space)), np.float32), self.steps)
        self.picture, self.energy = picture, energy
        self.weights = None if weights is None else check_picture(weights, None, "weights")
        if self.weights is not None and self.weights.space != picture.space:
            raise InputError(
                f"weights of shape {self.weights.space} must have the spatial shape {picture.space}"
            )
        self._flux, components = fields is None, energy.num_components(len(picture.space))
        self._fields = 2 * components + 1 if fields is None else fields
        self.reach, self._cost = 1, 1.0  # pixels of an iteration; memory, of that of a flow's
        if self._flux and not is_compiled(energy):
            size = (min(n, _SMALL) for n in picture.space)
            assure(energy, np.zeros((picture.channels if energy.coupled else 1, *size)))
            self.reach = reach_of(energy, self.steps)
            self._cost = (14 * components + 10) / bytes_per_value(len(picture.space), 1)
        self._results = results
        self.data_range = 1.0
        threads = request.own.threads
        self.num_workers = threads if how.num_workers is None else how.num_workers
        self.budget = how.num_bytes
        self._threads, self._solvers = threads, self.num_workers
        self._iterations = iterations
        self._unused = PER_STEP if iterations > USUAL else 0  # a pass takes whole steps only
        self._itemsize = itemsize
        self._choose(1 if alone else self.num_workers)
        described = (picture.shape, str(picture.array.dtype), request.channel_axis, self.steps)
        self.signature = f"steepest {__version__} {signature} {described} {how.halo}"
        self._beside = folder_of(request.out, request.image)
        self.report = Reporter(request.on_step)
        self._largest, self._mean_weights = 0.0, None

    def __enter__(self) -> Self:
        how = self.how
        with ExitStack() as stack:  # which is left again if anything fails
            opened = open_workspace(how.work, self._beside, self.signature, how.keep)
            self.workspace = stack.enter_context(opened)
            self._resume_tiling()
            self.check_space(self._results)
            if how.executor is not None:
                self.picture = self.share(self.picture, "image")
                if self.weights is not None:
                    self.weights = self.share(self.weights, "weights")
            self._start_workers(stack)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, *error: Any) -> bool:
        self._stack.__exit__(kind, *error)
        return kind is Stopped

    def _start_workers(self, stack: ExitStack) -> None:
        team = start_workers(self.how.executor, self.num_workers, self._threads, self.report)
        self.workers = stack.enter_context(team)

    @property
    def _item(self) -> float:
        """Bytes per value, as if of the solver of flows."""
        return self._cost * (self._itemsize or self.picture.dtype.itemsize)

    def _choose(self, most: int) -> None:
        """Choose halo, tiles and, up to ``most``, workers: the fastest that fit in memory."""
        picture, found, share = self.picture, [], share_of(self.budget)
        counts = range(1, most + 1) if self.how.executor is None else [self.num_workers]
        error: InputError | None = None
        halos = _HALOS if self.how.halo is None else [self.how.halo]
        for halo, workers in product(halos, reversed(counts)):
            try:
                tiling = make_tiling(
                    picture.space, picture.channels, self._item, halo, share, workers
                )
            except InputError as refused:
                error = refused
                continue
            depth = halo // self.reach - 2 - self._unused
            passes = math.ceil(self._iterations / max(depth, 1))
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
        self.num_workers = -negative
        if self.how.executor is None:
            self._threads = self._solvers // self.num_workers

    def _resume_tiling(self) -> None:
        """Go on with the tiles of interrupted work, with as many workers as memory allows."""
        name = f"tiles-{self._item}"
        self.halo, *size = self.workspace.once(name, [self.halo, *self.tiling.size])
        self.tiling = Tiling(self.tiling.space, tuple(size))
        needed = bytes_of(self.tiling, self.picture.channels, self._item, self.halo)
        fitting = int(share_of(self.budget) // needed)
        if not fitting:
            raise InputError(
                f"memory: the interrupted work has tiles that need {mb_for(needed)} MB; "
                "give more memory, or another folder"
            )
        self.num_workers = min(self.num_workers, fitting)

    @property
    def run(self) -> Callable[..., list[Any]]:
        """`run_on_tiles`, without the workers, the workspace and the tiles."""
        return partial(run_on_tiles, self.workers, self.workspace, self.tiling)

    def check_space(self, frames: int) -> None:
        """Check that the disk has room for two states, and for the frames."""
        values = 2 * self._fields * self.picture.dtype.itemsize
        results = (frames + 1) * self.picture.result_dtype.itemsize  # one may be done again
        self.workspace.check_space(self.picture.size * (values + results))

    def share(self, picture: Picture, name: str) -> Picture:
        """An array in memory is put into the workspace, where other processes can read it."""
        array = picture.array
        if isinstance(array, Floats):
            return replace(picture, array=Floats(self.share(array.picture, name)))
        if not isinstance(array, np.ndarray) or isinstance(self.how.executor, ThreadPoolExecutor):
            return picture
        self.workspace.put(name, 0, array)
        return replace(
            picture, array=WorkspaceArray(self.workspace, name, array.shape, array.dtype)
        )

    @property
    def depth(self) -> int:
        """The halo in units of what one iteration reaches."""
        return max(self.halo // self.reach, 4)

    @property
    def like(self) -> ShapeAndDtype:
        """Shape (channels, \\*space) and dtype of what is computed."""
        return ShapeAndDtype((self.picture.channels, *self.tiling.space), self.picture.dtype)

    def passes(self, start: CoarseFlux | None = None) -> Passes:
        """Passes over the image."""
        grid = None
        plain = is_compiled(self.energy) and self.energy.huber == 0 and self.weights is None
        if plain and max(self.tiling.space) >= 64:
            levels = self.coarse_levels("correction", 2)
            grid = CorrectionGrid(levels, self.coarse_energy(levels), self._solvers)
        return Passes(self, start, grid)

    @property
    def rounding(self) -> float:
        """Bound of the distance between an image in float64 and the one in the dtype of results."""
        narrow = self.picture.double and self.picture.result_dtype.name == "float32"
        return 2.0**-24 * math.sqrt(self.picture.size) * self._largest if narrow else 0.0

    def make_room_for_double(self) -> None:
        """Choose tiles that fit in memory also in float64."""
        self._itemsize = np.dtype(np.float64).itemsize
        self._choose(self._solvers)
        self._resume_tiling()
        self._start_workers(self._stack)

    def use_double(self) -> None:
        """Compute in float64, on smaller tiles."""
        self.make_room_for_double()
        self.picture = replace(self.picture, double=True)

    def survey(self, levels: int) -> tuple[Statistics, np.ndarray]:
        """The statistics, and the image averaged over blocks of ``2**levels`` pixels.

        Raises `InputError` if image or weights have changed since the work was interrupted.
        """
        picture, space = self.picture, self.tiling.space
        block = 2**levels
        small = tuple(-(-n // block) for n in space)
        means = np.zeros((picture.channels, *small), picture.dtype)
        weights = None if self.weights is None else np.zeros((1, *small), picture.dtype)
        surveyed = self.run(
            SurveyJob, 0, "", "survey", picture=picture, weights=self.weights, levels=levels
        )
        rows, digests = np.array([found[0] for found in surveyed]), [found[3] for found in surveyed]
        for tile, (_, part, own, *_) in zip(self.tiling.tiles(0), surveyed, strict=True):
            cells = tuple(slice(c.start // block, -(-c.stop // block)) for c in tile.core)
            means[(slice(None), *cells)] = part
            if weights is not None:
                weights[(slice(None), *cells)] = own
        for name, every in zip(("image", "weights"), zip(*digests, strict=True), strict=True):
            self.workspace.check_same(name, every)
        if weights is not None:
            self._mean_weights = weights[0]
            heaviest = max(found[4] for found in surveyed)  # bounds the flux in the certificate
            self.energy = replace(self.energy, weights=np.array([heaviest]))
        low, high = rows[:, 0].min(), rows[:, 1].max()
        count = math.prod(space)
        mean, square = rows[:, 2].sum(0) / count, rows[:, 3].sum(0) / count
        contrast = 0.5 * count * float(np.maximum(square - mean * mean, 0).sum())
        span = float(high - low)
        whole = np.dtype(picture.array.dtype).kind in "ub"
        data_range = 1.0 if whole or span == 0 else span
        self.data_range = data_range
        self._largest = float(max(abs(low), abs(high)))
        deviation = float(np.maximum(rows[:, 1].max(0) - mean, mean - rows[:, 0].min(0)).max())
        facts = Statistics(
            self._largest, contrast, deviation, float(low), float(high), float(mean.mean()),
            0.5 * count * float((mean * mean).sum()),
        )  # fmt: skip
        return facts, means

    def scaled(self, facts: Statistics, means: np.ndarray) -> tuple[Statistics, np.ndarray, float]:
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
                constant=facts.constant * scale**2,
                deviation=facts.deviation * scale,
            )
        return facts, means, scale

    def coarse_levels(self, name: str = "levels", fields: int = 1) -> int:
        """How often the grid is halved until it can be solved in memory, which is ``fields`` times
        that of the solver.
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

    def coarse_start(
        self, means: np.ndarray, tau: float, tol: float, levels: int
    ) -> CoarseFlux | None:
        """The flux of the averaged image, solved in one piece."""
        if max(self.tiling.space) < 64 or not is_compiled(self.energy):
            return None
        coarse = CoarseFlux(f"coarse-{means.dtype}", levels)

        def solved() -> np.ndarray:
            energy = self.coarse_energy(levels)
            dual = make_dual(means, energy.on(means, energy.steps), self._solvers)
            solve_step(dual, tau, Goal(tol, 500), Momentum(), cold=True)
            return dual.flux

        self.workspace.ensure(coarse.name, solved)
        return coarse
