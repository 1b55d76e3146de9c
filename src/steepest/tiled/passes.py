"""Passes of the dual iteration over all tiles: their state, and the sums of all tiles."""

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from ..convex.compiled.dual import CompiledDual
from ..convex.compiled.multilevel import coarse_change, halved
from ..convex.total_variation import TotalVariation
from .pass_job import CoarseFlux, FieldNames, Iterations, PassJob, halo_of, read_blocks
from .picture import frame_reader, write_result
from .workspace import WRITING, Workspace


@dataclass(frozen=True)
class CorrectionGrid:
    """The grid of corrections: halved ``levels`` times, with the energy of the image there."""

    levels: int
    energy: TotalVariation
    num_threads: int | None = None


class Passes:
    """Data and flux of an image on tiles, and passes over them; their sums are journaled."""

    def __init__(
        self, tiled: Any, start: CoarseFlux | None = None, grid: CorrectionGrid | None = None
    ) -> None:
        self.tiled, self.picture, self.correction_grid = tiled, tiled.picture, grid
        self.num_passes = 0
        self.frames: dict[int, str] = {}  # the names under which images were kept last
        self._store: Workspace = tiled.workspace
        self._fields = self._next = FieldNames(coarse=start)

    def run(self, pieces: tuple[Iterations, ...], feasible: float | None) -> np.ndarray:
        """Do ``pieces`` on every tile; the sums of the measurements. `commit` takes it over."""
        self._drop(self._next, self._fields)
        if self._blocks != self._fields.blocks:
            self._store.drop(self._blocks)
        self.num_passes += 1
        halo = self.tiled.reach * halo_of(pieces)
        block = 2 ** len(pieces[0].refining)  # windows of coarser grids begin where blocks do
        # names are never used again: a worker that was given up for dead may still write
        advance = any(piece.advance for piece in pieces)
        data = f"data-{self.num_passes}" if advance else self._fields.data
        moves = any(piece.betas or piece.restart for piece in pieces)
        same = self._fields.flux is not None and self._fields.coarse is None and not moves
        self._next = FieldNames(data, self._fields.flux if same else f"flux-{self.num_passes}")
        frames = {
            piece.keep: f"frame-{piece.keep}-{self.num_passes}"
            for piece in pieces
            if piece.keep is not None
        }
        changed = {self._next.data, self._next.flux} - {self._fields.data, self._fields.flux}
        writes = [*map(str, changed), *frames.values()]
        writes += [self._blocks] if any(piece.blocks for piece in pieces) else []
        rows = self.tiled.run(
            PassJob, -(-halo // block) * block, f"sums-{self.num_passes}",
            f"pass {self.num_passes}", writes, picture=self.picture, weights=self.tiled.weights,
            energy=self.tiled.energy, pieces=pieces, source=self._fields, target=self._next,
            frames=frames, blocks=self._blocks, feasible=feasible,
        )  # fmt: skip
        for keep in frames.keys() & self.frames.keys():
            self._store.drop(self.frames[keep])
        self.frames.update(frames)
        every = np.array(rows)
        total = every.sum(0)  # always in the order of the tiles
        total[:, :1] = every[:, :, :1].max(0)
        return total

    def correct(self, tau: float) -> None:
        """Let the next pass begin with a correction. The last one has kept what it needs."""
        assert self.correction_grid is not None
        levels, name = self.correction_grid.levels, f"change-{self.num_passes}"
        self._store.ensure(name, partial(self._change, self.correction_grid, tau))
        self._fields = replace(
            self._fields, coarse=CoarseFlux(name, levels), share=1.0, blocks=self._blocks
        )

    def share_correction(self, share: float) -> None:
        """Let the next pass begin with this share of the correction."""
        self._fields = replace(self._fields, share=share)

    def _change(self, grid: CorrectionGrid, tau: float) -> np.ndarray:
        levels, picture, tiling = grid.levels, self.picture, self.tiled.tiling
        space = tiling.halved(levels).space
        shapes = (picture.channels, *space), (len(space), picture.channels, *space), space
        mean, flux, radius = (np.empty(shape, picture.dtype) for shape in shapes)
        parts = mean, flux, radius
        for tile in tiling.tiles(0):
            own = tuple(slice(c.start // 2, -(-c.stop // 2)) for c in tile.core)
            found = read_blocks(self._store, self._blocks, tiling, own, picture)
            for _ in range(levels - 1):
                found = halved(*found, grid.energy.isotropic)
            at: Any = (..., *(slice(c.start >> levels, -(-c.stop >> levels)) for c in tile.core))
            for whole, part in zip(parts, found, strict=True):
                whole[at] = part

        solver = partial(CompiledDual, num_threads=grid.num_threads)
        return coarse_change(parts, grid.energy, tau, solver)

    @property
    def _blocks(self) -> str:
        return f"blocks-{self.num_passes}"

    @property
    def flux(self) -> str | None:
        """The name under which the last pass has put the flux."""
        return self._next.flux

    def commit(self) -> None:
        """Make the result of the last pass the one from which the next pass begins."""
        self._drop(self._fields, self._next)
        change = self._fields.coarse
        if change is not None and self._fields.flux is not None:
            self._store.drop(change.name)
            self._store.drop(self._fields.blocks)
        self._fields = self._next

    def write(self, out: Any) -> None:
        """Write the frames into ``out``: the frame of number k into ``out[k]``, or the only one."""
        tiled, picture = self.tiled, self.tiled.picture
        self._store.once(WRITING, True)
        for frame, name in self.frames.items():
            lead = (frame,) if len(out.shape) > len(picture.shape) else ()
            write_result(out, lead, picture, frame_reader(self._store, name, tiled.tiling, picture))
        self.release()

    def release(self) -> None:
        """After the end, keep only what is needed to write the result again, if at all."""
        if self.tiled.how.keep:
            self._drop(self._fields, FieldNames())

    def _drop(self, old: FieldNames, kept: FieldNames) -> None:
        for name in {old.data, old.flux} - {kept.data, kept.flux, None}:
            self._store.drop(str(name))
