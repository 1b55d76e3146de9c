"""The dual iteration on one tile, and the survey of one tile.

The dual iteration reaches one pixel further each time. k iterations on a tile with a halo of k
pixels are therefore the same, in the core, as k iterations on the whole image, to the last bit.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from typing import Any

import numpy as np

from ..convex.compiled.dual import CompiledDual
from ..convex.compiled.kernels_measure import NUM_SUMS
from ..convex.compiled.multilevel import Blocks, doubled, halved, refined
from ..core.arrays import check_weights
from ..grid.coarsening import average, prolong
from .array_dual import window_dual
from .jobs import TileJob
from .picture import Picture
from .windows import Tiling, Window
from .workspace import Workspace, digest, read


@dataclass(frozen=True)
class Iterations:
    """Some iterations of one time step.

    ``restart`` resets the momentum before. Afterwards, ``measure`` evaluates the certificate,
    ``keep`` stores the image as a frame, ``advance`` makes it the data of the next step, and
    ``blocks`` stores what a correction needs. The first of a pass may refine a correction: by
    ``refining`` iterations on each grid between, the finest first.
    """

    tau: float
    relaxation: float
    betas: tuple[float, ...] = ()
    restart: bool = False
    measure: bool = False
    keep: int | None = None
    advance: bool = False
    blocks: bool = False
    refining: tuple[int, ...] = ()

    @property
    def margin(self) -> int:
        """How many pixels away from the core the result still depends on."""
        own = sum(2**level * (count + 2) for level, count in enumerate(self.refining, 1))
        return len(self.betas) + self.advance + own


def halo_of(pieces: tuple[Iterations, ...]) -> int:
    """The halo, in units of what one iteration reaches, with which ``pieces`` are exact in the
    core.
    """
    return sum(piece.margin for piece in pieces) + 2


@dataclass(frozen=True)
class CoarseFlux:
    """A flux (components, channels, \\*coarse) in the workspace, on a grid halved so often."""

    name: str
    levels: int

    def read(
        self, store: Workspace, window: Window, space: tuple[int, ...], dtype: np.dtype
    ) -> np.ndarray:
        """The flux interpolated to a window of the fine grid of ``space`` pixels."""
        flux = store.map(self.name, 0)
        ends = tuple((w.start, w.stop) for w in window)
        return self._at(flux, 0, ends, space).astype(dtype)

    def _at(
        self, flux: np.ndarray, level: int, ends: tuple[tuple[int, int], ...], space: Sequence[int]
    ) -> np.ndarray:
        if level == self.levels:
            cells: Any = (..., *(slice(a, b) for a, b in ends))
            return np.asarray(flux[cells])
        below = tuple(-(-n // 2) for n in space)
        # one cell more on both sides: a face lies between two cells
        around = tuple(
            (max(a // 2 - 1, 0), min(-(-b // 2) + 1, n))
            for (a, b), n in zip(ends, below, strict=True)
        )
        coarse = self._at(flux, level + 1, around, below)
        shape = [min(2 * b, n) - 2 * a for (a, b), n in zip(around, space, strict=True)]
        fine = prolong(coarse, (coarse.shape[1], *shape))
        corner = (2 * a for a, _ in around)
        cut = tuple(slice(a - c, b - c) for (a, b), c in zip(ends, corner, strict=True))
        return fine[(..., *cut)]


@dataclass(frozen=True)
class FieldNames:
    """The names of data (None: the picture) and flux (None: zero) in the workspace.

    ``share`` times ``coarse`` is added to the flux, then without momentum; tiles may refine it,
    from what is kept as ``blocks``.
    """

    data: str | None = None
    flux: str | None = None
    coarse: CoarseFlux | None = None
    share: float = 1.0
    blocks: str = ""


@dataclass(frozen=True)
class PassJob(TileJob):
    """One tile of a pass of the dual iteration; its journal: sums (measurements, NUM_SUMS)."""

    picture: Picture
    weights: Picture | None
    energy: Any
    pieces: tuple[Iterations, ...]
    source: FieldNames
    target: FieldNames
    frames: dict[int, str]
    blocks: str
    feasible: float | None

    def run(self) -> np.ndarray:
        """Do the pass."""
        inner, picture = self.tile.inner, self.picture
        cut: Any = (..., *inner)
        dual = _window_solver(self, self.tile.window)
        within = [(part.start, part.stop) for part in inner]
        sums = []
        last = max((i for i, piece in enumerate(self.pieces) if piece.advance), default=-1)
        for i, piece in enumerate(self.pieces):
            dual.set_step(piece.tau, piece.relaxation)
            if piece.restart:
                dual.restart()
            dual.iterate(piece.betas)
            if piece.measure or piece.advance or piece.blocks or piece.keep is not None:
                found = dual.sums_within(within, self.feasible)
                if piece.measure:
                    sums.append(found)
            if piece.keep is not None:
                self.put(self.frames[piece.keep], picture.restored(dual.image[cut]))
            if piece.blocks:
                parts = halved(dual.data[cut], dual.flux[cut], None, self.energy.isotropic)
                flat = [a.reshape(-1, *a.shape[-len(inner) :]) for a in parts]
                self.put(self.blocks, np.concatenate(flat))
            if piece.advance:
                dual.advance()
                if i == last and self.target.data is not None:  # a later one may measure again
                    self.put(self.target.data, dual.image[cut])
        if self.target.flux not in (None, self.source.flux):
            core = [c.stop - c.start for c in inner]
            shape = (2, self.energy.num_components(len(inner)), picture.channels, *core)
            flux = dual.warm_parts(cut)
            self.store.put_parts(self.target.flux, self.tile.number, shape, picture.dtype, flux)
        return np.array(sums).reshape(-1, NUM_SUMS)


def _window_solver(job: PassJob, window: Window) -> Any:
    """The solver of a window, in the state in which the last pass left it."""
    picture, source = job.picture, job.source
    channels, dtype = picture.channels, picture.dtype
    if source.data is None:
        f = picture.read(window)
    else:
        f = read(job.store, source.data, job.tiling, window, (channels,), dtype)
    energy = job.energy
    if job.weights is not None:
        energy = replace(energy, weights=read_weights(job.weights, window)).on(f, energy.steps)
    dual = window_dual(f, energy, job.tiling.space, job.num_threads)
    lead = (2, energy.num_components(len(window)), channels)
    if source.flux is not None and source.coarse is not None:
        p = read(job.store, source.flux, job.tiling, window, lead, dtype, (0,))
        dual.set_flux(p + dtype.type(source.share) * _correction(job, source.coarse, window))
    elif source.coarse is not None:
        flux = source.coarse.read(job.store, window, job.tiling.space, dtype)
        dual.set_flux(flux if job.weights is None else energy.project(flux))
    elif source.flux is not None:
        name, part = source.flux, np.empty_like(f)  # one for all: fresh memory is slow
        places = product(range(2), range(lead[1]))
        dual.set_warm_parts(
            read(job.store, name, job.tiling, window, lead, dtype, place, part) for place in places
        )
    return dual


def _correction(job: PassJob, coarse: CoarseFlux, window: Window) -> np.ndarray:
    """The correction in a window, refined by iterations on the grids between it and the image."""
    tiling, dtype, counts = job.tiling, job.picture.dtype, job.pieces[0].refining
    levels = len(counts)
    windows, spaces, grids = [window], [tiling.space], [job.energy]
    for _ in range(levels):
        grids.append(replace(grids[-1], spacing=doubled(grids[-1], spaces[-1])))
        windows.append(tuple(slice(w.start // 2, -(-w.stop // 2)) for w in windows[-1]))
        spaces.append(tuple(-(-n // 2) for n in spaces[-1]))
    left = replace(coarse, levels=coarse.levels - levels)
    change = left.read(job.store, windows[-1], spaces[-1], dtype)
    below = []
    if levels:
        below.append(read_blocks(job.store, job.source.blocks, tiling, windows[1], job.picture))
        for _ in range(levels - 1):
            below.append(halved(*below[-1], job.energy.isotropic))
    solver = partial(CompiledDual, num_threads=job.num_threads)
    for level in range(levels, 0, -1):
        parts, start = below[level - 1], below[level - 1][1] + change
        change = refined(parts, grids[level], job.pieces[0].tau, solver, start, counts[level - 1])
        shape = (w.stop - w.start for w in windows[level - 1])
        change = prolong(change, (job.picture.channels, *shape))
    return change


def read_blocks(
    store: Workspace, name: str, tiling: Tiling, window: Window, picture: Picture
) -> Blocks:
    """What tiles have kept for a correction, in a window of the grid that is halved once."""
    channels, ndim = picture.channels, len(window)
    lead = (channels * (1 + ndim) + 1,)
    found = read(store, name, tiling.halved(1), window, lead, picture.dtype)
    mean, flux, radius = np.split(found, (channels, channels * (1 + ndim)))
    return mean, flux.reshape(ndim, channels, *mean.shape[1:]), radius[0]


def read_weights(weights: Picture, window: Window) -> np.ndarray:
    """A window of the weights, which `TotalVariation.on` checks."""
    return np.asarray(weights.array[window])


@dataclass(frozen=True)
class SurveyJob(TileJob):
    """What is to be known of an image before it is processed, in one core."""

    picture: Picture
    weights: Picture | None
    levels: int

    def run(self) -> tuple[np.ndarray, np.ndarray, np.ndarray | None, list[str], float]:
        """The values' minima, maxima, sums and sums of squares (4, channels); the means over blocks
        of image and weights; the digests of both; the largest weight.
        """
        u = self.picture.read(self.tile.core)
        space = tuple(range(1, u.ndim))
        wide = u.astype(np.float64)
        facts = np.array([u.min(space), u.max(space), wide.sum(space), (wide * wide).sum(space)])
        del wide
        w, digests, heaviest = None, [digest(u), ""], 0.0
        if self.weights is not None:
            given = read_weights(self.weights, self.tile.core)
            digests[1] = digest(np.asarray(given, np.float64))
            w = np.asarray(check_weights(given, u.shape[1:], u), u.dtype)[None]
            heaviest = float(w.max())
        for _ in range(self.levels):
            u = average(u)
            w = None if w is None else average(w)
        return facts, u, w, digests, heaviest
