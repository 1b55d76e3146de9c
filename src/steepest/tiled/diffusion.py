"""Diffusion inpainting of arrays that do not fit in memory."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..convex.total_variation import TotalVariation
from ..core.errors import InputError
from ..core.numbers import check_count, check_flag, check_number
from ..core.solver import Limits
from ..core.status import Status, finished
from ..elliptic.hierarchy import build
from ..elliptic.operator import Operator
from ..elliptic.solve import Solution, solve
from ..flows.options import takes_options_of
from ..inpainting.problem import check_largest, grid_of, unit_of
from ..inpainting.result import InpaintResult, status_of
from .harmonic import (
    Holes,
    Iterate,
    Part,
    around,
    block_sums,
    cells_of,
    run_line,
    run_residual,
    run_survey,
    run_sweep,
)
from .passes import journaled
from .picture import Picture, check_out, check_picture, deliver
from .setup import Setup
from .windows import align_of
from .workspace import read

_HALO = 62  # the halo for which tiles are chosen, less two pixels
_FINER = 0.1  # tiles are solved to this share of the tolerance
_COARSE = 1e-4  # relative residual on the coarse grid
_PATIENCE = 3  # passes without a smaller residual


@takes_options_of(Setup, without=("weights", "data_range"))
def inpaint(
    image: Any,
    known: Any = None,
    out: Any = None,
    *,
    unknown: Any = None,
    tol: float = 1e-6,
    max_num_iter: int = 50,
    raise_on_failure: bool = False,
    **options: Any,
) -> InpaintResult:
    """Fill in the unknown pixels of an array that does not fit in memory, by diffusion.

    Solves the equation of `steepest.inpaint`, ``-Laplacian u = 0`` at unknown pixels with
    ``u = image`` at known pixels, to the same tolerance. Each tile is solved with a halo, whose
    outer pixels are held at the last result. The residual is then computed for the whole image, and
    the tiles are solved again until it is small enough.

    Parameters
    ----------
    image : array-like, 1-D to 3-D, plus an optional channel axis
        Anything with ``shape``, ``dtype`` and slicing that returns arrays. The dtypes are those of
        `denoise_tv` of this module. Unknown pixels may hold any value.
    known : array-like of the spatial shape, optional
        Marks the known pixels: Booleans, or 0 and one other number. By default, the pixels that are
        not NaN in any channel are known.
    out : array-like, optional
        Where the result is written, as in `denoise_tv` of this module.
    unknown : array-like of the spatial shape, optional
        Marks the pixels to fill, given in place of ``known``.
    tol : float
        Relative residual of the linear system of the whole image at which to stop.
    max_num_iter : int
        Largest number of passes over the image. One or two are enough for small holes, or where a
        few per cent of the pixels are known. Holes of several tiles take more.
    raise_on_failure
        As in `steepest.inpaint`.
    **options
        As in `denoise_tv` of this module, without ``weights`` and ``data_range``.

    Returns
    -------
    InpaintResult
        ``image`` is ``out``. ``residual`` is that of `steepest.inpaint`, a sum over all pixels of
        the image before it is rounded to its dtype; infinity if the work was stopped.
        ``iterations`` is the number of passes.

    Raises
    ------
    InputError
        Bad image, mask or options, no known pixel, or a folder that belongs to other work.
    NotConverged
        If the tolerance is not met and ``raise_on_failure=True``.

    Notes
    -----
    The result depends on the tiles within the tolerance, and therefore on ``memory`` and, if memory
    is short, on ``executor`` and ``num_workers``; for the same tiles, up to rounding. The start is
    the solution for averages of the known pixels over blocks. After each pass, the residual is
    averaged and corrected on the same coarse grid, with the step length that decreases the energy
    most.

    References
    ----------
    Cai and Sarkis, SIAM J. Sci. Comput. 21, 1999 (overlapping tiles).
    """
    if known is not None and unknown is not None:
        raise InputError("known and unknown are both given; allowed is one of them")
    tol, most = check_number(tol, "tol", positive=True), check_count(max_num_iter, "max_num_iter")
    raises, name = check_flag(raise_on_failure, "raise_on_failure"), f"inpaint {tol} {most}"
    setup = Setup(
        image,
        out,
        TotalVariation(),
        name,
        double=True,
        iterations=_HALO,
        fields=1,
        **options,
    )
    marks = _marks(known, unknown, setup.picture)
    out, status = check_out(out, setup.picture, ()), Status.STOPPED
    residual, count = math.inf, 0
    with setup:
        work = _Work(setup, marks, unknown is not None)
        found, last = work.solve(tol, most)
        like = setup.picture
        lead = (like.channels,)
        deliver(
            out, (), like,
            lambda window: like.restored(
                read(setup.workspace, last, setup.tiling, window, lead, np.float64)
            ),
        )  # fmt: skip
        residual, count = float(found.residual.max()), int(found.iterations.max())
        status = status_of(residual, count, Limits(tol, most))
    return finished(InpaintResult(out, residual, count, status), raises)


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


class _Work:
    """Passes over the image. All that they find is in the journal, so that they can be resumed."""

    def __init__(self, setup: Setup, marks: Picture | None, inverted: bool) -> None:
        if marks is not None:
            marks = setup.carried(marks, "marks")
        self._name = "unknown" if inverted else "image" if marks is None else "known"
        self._setup, self._store = setup, setup.workspace
        self._space, self._channels = setup.tiling.space, setup.picture.channels
        # coarser than for other solvers: this one needs more memory, and the start need not be good
        self._levels = min(
            max(setup.coarse_levels() + 1, 3), align_of(self._space).bit_length() - 1
        )
        self._holes = Holes(setup.picture, marks, inverted, setup.steps)
        counts, sums = self._survey()
        self._pixels = _block_sizes(self._space, 2**self._levels)
        share = counts / self._pixels
        steps = [h * 2.0**self._levels for h in setup.steps]
        steps = [*(1.0,) * (len(grid_of(self._space)) - len(steps)), *steps]
        diagonal = sum(2 / h**2 for h in setup.steps)
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
            num_threads=self._setup.workers,
        )  # fmt: skip
        return found.image.reshape(right.shape)

    def _survey(self) -> tuple[np.ndarray, np.ndarray]:
        """Numbers of known pixels and sums of their values over blocks."""
        setup = self._setup
        small = tuple(-(-n // 2**self._levels) for n in self._space)
        sums = np.zeros((1 + self._channels, *small))
        rows = np.zeros((len(setup.tiling), 4 + self._channels))
        digests = [["", ""]] * len(rows)
        plain = Iterate(None, None, self._levels)
        jobs = (
            Part(tile, setup.tiling, self._holes, self._store, plain, "")
            for tile in setup.tiling.tiles(0)
        )
        for job, (facts, part, found) in setup.crew.run(run_survey, jobs, len(rows), "survey"):
            rows[job.tile.number], digests[job.tile.number] = facts, found
            sums[(slice(None), *cells_of(job.tile.core, self._levels))] = part
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
        self, function: Callable[[Part], np.ndarray], iterate: Iterate, halo: int, stage: str,
        writes: Sequence[str] = (), **more: Any,
    ) -> list[np.ndarray]:  # fmt: skip
        """What ``function`` finds in each tile."""
        setup, journal = self._setup, stage.replace(" ", "-")
        jobs = (
            Part(
                tile, setup.tiling, self._holes, self._store, iterate, journal,
                mean=tuple(self._mean), unit=self._unit, num_threads=setup.crew.num_threads,
                cells=self._pixels.shape, **more,
            )
            for tile in setup.tiling.tiles(halo)
        )  # fmt: skip
        total = len(setup.tiling)
        return journaled(setup.crew, self._store, journal, function, jobs, total, stage, writes)

    def solve(self, tol: float, most: int) -> tuple[Solution, str]:
        """Passes until the residual is small; how small, and the name of the last image."""
        iterate = Iterate(None, "start", self._levels)
        self._store.ensure("start", lambda: self._start)
        best, best_pass, count = math.inf, 0, 0
        while True:
            count += 1
            last = f"filled-{count}"
            self._run(
                run_sweep, iterate, self._setup.halo, f"pass {count}", [last], target=last,
                tol=max(_FINER * tol, 1e-15),
            )  # fmt: skip
            if iterate.image is not None:
                self._store.drop(iterate.image)
            iterate = Iterate(last, None, self._levels)
            rows = self._run(run_residual, iterate, 1, f"residual {count}")
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
        for tile, row in zip(self._setup.tiling.tiles(0), rows, strict=True):
            place = (slice(None), *around(tile.core, self._levels, cells))
            right[place] += row[2 * self._channels :].reshape(right[place].shape)
        right = right[(slice(None), *(slice(n) for n in cells))]
        found = self._store.made_once(
            f"direction-{count}", lambda: self._coarse(np.zeros_like(right), right / self._pixels)
        )
        lines = self._run(run_line, iterate, 1, f"correction {count}", target=f"direction-{count}")
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
