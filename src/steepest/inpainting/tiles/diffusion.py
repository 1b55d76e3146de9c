"""Diffusion inpainting tile by tile.

Each tile is solved with a halo, whose outer pixels are held at the last result. The residual is
then computed for the whole image, averaged and corrected on a coarse grid, with the step length
that decreases the energy most, and the tiles are solved again, until the residual is small enough.
The start is the solution for averages of the known pixels over blocks. (Overlapping tiles: Cai and
Sarkis, SIAM J. Sci. Comput. 21, 1999.)
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ...convex.total_variation import TotalVariation
from ...core.errors import InputError
from ...core.status import Status, finished
from ...elliptic.hierarchy import build
from ...elliptic.operator import Operator
from ...elliptic.solve import Solution, solve
from ...tiled.image import TiledImage
from ...tiled.picture import Picture, check_out, check_picture, write_result
from ...tiled.request import TileRequest
from ...tiled.windows import align_of
from ...tiled.workspace import read
from ..problem import check_largest, grid_of, unit_of
from ..result import InpaintResult, status_of
from .blocks import around, block_sums, cells_of
from .diffusion_jobs import (
    FillJob,
    Holes,
    Iterate,
    LineSearch,
    Residual,
    Survey,
    Sweep,
)

_HALO = 62  # the halo for which tiles are chosen, less two pixels
_FINER = 0.1  # tiles are solved to this share of the tolerance
_COARSE = 1e-4  # relative residual on the coarse grid
_PATIENCE = 3  # passes without a smaller residual


def inpaint_by_tiles(request: TileRequest, known: Any, unknown: Any) -> InpaintResult:
    """`steepest.inpaint` by diffusion, tile by tile."""
    if known is not None and unknown is not None:
        raise InputError("known and unknown are both given; allowed is one of them")
    tol, most = request.own.tol, request.own.max_num_iter
    tiled = TiledImage(
        request, TotalVariation(), f"inpaint {tol} {most}", double=True, iterations=_HALO, fields=1
    )
    marks = _marks(known, unknown, tiled.picture)
    out, status = check_out(request.out, tiled.picture, ()), Status.STOPPED
    residual, count = math.inf, 0
    with tiled:
        work = _Passes(tiled, marks, unknown is not None)
        found, last = work.solve(tol, most)
        like = tiled.picture
        lead = (like.channels,)
        write_result(
            out, (), like,
            lambda window: like.restored(
                read(tiled.workspace, last, tiled.tiling, window, lead, np.float64)
            ),
        )  # fmt: skip
        residual, count = float(found.residual.max()), int(found.iterations.max())
        status = status_of(residual, count, request.own)
    return finished(InpaintResult(out, residual, count, status), request.own.raise_on_failure)


def _marks(known: Any, unknown: Any, picture: Picture) -> Picture | None:
    """The mask that is given, with the spatial shape; None if NaN pixels are unknown."""
    name, mask = ("known", known) if unknown is None else ("unknown", unknown)
    if mask is None:
        if np.dtype(picture.array.dtype).kind != "f":
            raise InputError(
                f"known or unknown is needed for an image of dtype {picture.array.dtype}: only "
                "floating-point images can mark unknown pixels with NaN"
            )
        return None
    marks = check_picture(mask, None, name)
    if marks.shape != picture.space:
        raise InputError(
            f"{name} of shape {marks.shape} must have the spatial shape {picture.space}"
        )
    return marks


class _Passes:
    """Passes over the image. All that they find is in the journal, so that they can be resumed."""

    def __init__(self, tiled: TiledImage, marks: Picture | None, inverted: bool) -> None:
        if marks is not None:
            marks = tiled.share(marks, "marks")
        self._name = "unknown" if inverted else "image" if marks is None else "known"
        self._tiled, self._store = tiled, tiled.workspace
        self._space, self._channels = tiled.tiling.space, tiled.picture.channels
        # coarser than for other solvers: this one needs more memory, and the start need not be good
        self._levels = min(
            max(tiled.coarse_levels() + 1, 3), align_of(self._space).bit_length() - 1
        )
        self._holes = Holes(tiled.picture, marks, inverted, tiled.steps)
        counts, sums = self._survey()
        self._pixels = _block_sizes(self._space, 2**self._levels)
        share = counts / self._pixels
        steps = [h * 2.0**self._levels for h in tiled.steps]
        steps = [*(1.0,) * (len(grid_of(self._space)) - len(steps)), *steps]
        diagonal = sum(2 / h**2 for h in tiled.steps)
        # Every known pixel holds its block, about as strongly as a pixel is held by its neighbours.
        excess = np.where(share == 1, np.inf, diagonal * share)
        self._grid = grid_of(excess.shape)
        operator = Operator(excess.reshape(self._grid), tuple(1 / h**2 for h in steps))
        self._hierarchy = build(operator)
        means = np.divide(sums, counts, out=np.zeros_like(sums), where=counts > 0)
        middle = self._mean.reshape(-1, *(1,) * len(self._space))
        rest = np.where(counts > 0, means - middle, 0)
        pull = np.where(share == 1, 0, diagonal * share * rest)
        self._start = middle + self._coarse(np.where(share == 1, rest, 0), pull)

    def _coarse(self, held: np.ndarray, right: np.ndarray) -> np.ndarray:
        """The solution on the coarse grid."""
        shape = (self._channels, *self._grid)
        found = solve(
            self._hierarchy, held.reshape(shape), right.reshape(shape), tol=_COARSE,
            num_threads=self._tiled.num_workers,
        )  # fmt: skip
        return found.image.reshape(right.shape)

    def _survey(self) -> tuple[np.ndarray, np.ndarray]:
        """Numbers of known pixels and sums of their values over blocks."""
        tiled = self._tiled
        small = tuple(-(-n // 2**self._levels) for n in self._space)
        sums = np.zeros((1 + self._channels, *small))
        plain = Iterate(None, None, self._levels)
        surveyed = tiled.run(Survey, 0, "", "survey", holes=self._holes, iterate=plain)
        rows, digests = np.array([found[0] for found in surveyed]), [found[2] for found in surveyed]
        for tile, (_, part, _) in zip(tiled.tiling.tiles(0), surveyed, strict=True):
            sums[(slice(None), *cells_of(tile.core, self._levels))] = part
        if rows[:, 2].min() < rows[:, 3].max():
            raise InputError(
                f"{self._name} holds more than two values; allowed are Booleans, or 0 and one "
                "other number"
            )
        count, largest = rows[:, 0].sum(), float(rows[:, 1].max())
        if not count:
            raise InputError(f"{self._name} leaves no known pixel; at least one is needed")
        check_largest(largest)
        masks, images = zip(*digests, strict=True)
        if self._holes.marks is not None:
            self._store.check_same(self._name, masks)
        self._store.check_same("image", images)
        self._unit = unit_of(np.array([[largest]]))
        self._mean = rows[:, 4:].sum(0) / count
        return sums[0], sums[1:]

    def _run(
        self, kind: type[FillJob], iterate: Iterate, halo: int, stage: str,
        writes: Sequence[str] = (), **more: Any,
    ) -> list[np.ndarray]:  # fmt: skip
        """What a job of this kind finds in each tile."""
        return self._tiled.run(
            kind, halo, stage.replace(" ", "-"), stage, writes, holes=self._holes, iterate=iterate,
            mean=tuple(self._mean), unit=self._unit, cells=self._pixels.shape, **more,
        )  # fmt: skip

    def solve(self, tol: float, most: int) -> tuple[Solution, str]:
        """Passes until the residual is small; how small, and the name of the last image."""
        iterate = Iterate(None, "start", self._levels)
        self._store.ensure("start", lambda: self._start)
        best, best_pass, count = math.inf, 0, 0
        while True:
            count += 1
            last = f"filled-{count}"
            self._run(
                Sweep, iterate, self._tiled.halo, f"pass {count}", [last], target=last,
                tol=max(_FINER * tol, 1e-15),
            )  # fmt: skip
            if iterate.image is not None:
                self._store.drop(iterate.image)
            iterate = Iterate(last, None, self._levels)
            rows = self._run(Residual, iterate, 1, f"residual {count}")
            squares = np.sum([row[: 2 * self._channels] for row in rows], 0)
            left, reference = np.sqrt(squares).reshape(2, -1)
            solution = Solution(np.zeros(0), left, reference, np.full(len(left), count))
            now = float(solution.residual.max())
            if now < best:
                best, best_pass = now, count
            if now <= tol or count == most or count - best_pass >= _PATIENCE:
                return solution, last
            iterate = replace(iterate, coarse=self._correction(iterate, rows, count))

    def _correction(self, iterate: Iterate, rows: list[np.ndarray], count: int) -> str:
        """The name of a coarse image that brings the iterate closer to the solution."""
        cells = self._pixels.shape
        right = np.zeros((self._channels, *(n + 1 for n in cells)))
        for tile, row in zip(self._tiled.tiling.tiles(0), rows, strict=True):
            place = (slice(None), *around(tile.core, self._levels, cells))
            right[place] += row[2 * self._channels :].reshape(right[place].shape)
        right = right[(slice(None), *(slice(n) for n in cells))]
        found = self._store.made_once(
            f"direction-{count}", lambda: self._coarse(np.zeros_like(right), right / self._pixels)
        )
        lines = self._run(
            LineSearch, iterate, 1, f"correction {count}", target=f"direction-{count}"
        )
        along, curvature = np.sum(lines, 0).reshape(2, -1)
        step = np.divide(along, curvature, out=np.zeros_like(along), where=curvature > 0)
        name = f"coarse-{count}"
        step = (self._unit * step).reshape(-1, *(1,) * len(self._space))
        self._store.ensure(name, lambda: step * found)
        return name


def _block_sizes(space: tuple[int, ...], block: int) -> np.ndarray:
    """The number of pixels of each block."""
    sizes = np.ones((1,) * len(space))
    for axis, n in enumerate(space):
        shape = [1] * len(space)
        shape[axis] = -1
        sizes = sizes * block_sums(np.ones((1, n)), block)[0].reshape(shape)
    return sizes
