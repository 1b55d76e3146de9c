"""`threshold_rof` and `chan_vese` tile by tile."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...core.errors import InputError
from ...core.numbers import check_count, check_number
from ...core.solver import Solver
from ...core.status import Status, finished
from ...core.tiles import refuse_by_tiles
from ...tiled.image import ShapeAndDtype, TiledImage
from ...tiled.picture import Picture, check_array, frame_reader, write_result
from ...tiled.request import TileRequest
from ..inputs import Inputs, check_inputs, contour_length
from ..means import COARSE, MeansSearch
from ..result import Segmentation
from ..thresholds import MOST_CLASSES, ThresholdSearch, check_thresholds
from .contours import Paint, Squares
from .rof import TiledLevel, TiledRof, TiledState


def threshold_by_tiles(
    request: TileRequest,
    strength: float,
    num_classes: int,
    energy: Any,
    thresholds: Any,
    values: str,
) -> Segmentation:
    """`steepest.segmentation.threshold_rof` tile by tile.

    The flux is completed tile by tile where it does not saturate a contour. Thresholds are found
    from sums and histograms of all tiles, and the gap is a sum over all tiles. If a threshold lies
    where so many pixels have nearly the same value that these do not fit in memory, classes consist
    of whole bins, of 4096.
    """
    refuse_by_tiles(values=None if values == "denoised" else values)
    strength = check_number(strength, "strength")
    num_classes = check_count(num_classes, "num_classes", least=2, most=MOST_CLASSES)
    fixed = None if thresholds is None else check_thresholds(thresholds)
    wanted = num_classes if fixed is None else fixed.size + 1
    name = f"threshold_rof {strength} {num_classes} {None if fixed is None else fixed.tolist()}"
    work = _Work(request, energy, name)

    def run(rof: TiledRof) -> _Found:
        search: Any = ThresholdSearch(work.inputs, num_classes, fixed, "denoised")
        status = rof.solve(strength, search.look)
        if search.rough:
            search.finish()
        energy, state = search.total("energy"), search.state
        if fixed is None:
            energy += 0.5 * float(np.sum(state.look(Squares(search.means[:1]))))
        return _Found(
            state, search.levels, status, search.means, energy, search.total("gap"), search.proven
        )

    return work.segmented(run, wanted)


def chan_vese_by_tiles(request: TileRequest, mu: float, energy: Any) -> Segmentation:
    """`steepest.segmentation.chan_vese` tile by tile. The means are sums over all tiles."""
    mu = check_number(mu, "mu")
    refuse_by_tiles(channel_axis=request.channel_axis)
    work = _Work(request, energy, f"chan_vese {mu}")

    def run(rof: TiledRof) -> _Found:
        search = _TiledMeansSearch(work.inputs, rof, mu)
        status, level = search.run(), search.level
        squares = search.state.look(Squares(search.means[:, 0]), level.level, level.changed)
        energy = 2 * search.distance * level.length + float(np.sum(squares))
        gap = 2 * search.distance * level.gap
        return _Found(search.state, [level], status, search.means[:, 0], energy, gap, search.proven)

    return work.segmented(run, 2, scaled=True)


class _TiledMeansSearch(MeansSearch):
    """The search of `chan_vese` with means from sums over tiles."""

    level: Any

    def __init__(self, inputs: Inputs, rof: TiledRof, mu: float) -> None:
        self.inputs, self.rof, self.mu = inputs, rof, mu  # type: ignore[assignment]
        self._coarse, self.state, self.means = COARSE, rof.at_start(), np.zeros((2, 1))
        self._size, self._total = self.state.total
        self.level = self.state.prove(rof.mean)
        self.means = self._next()

    def _project(self) -> None:
        """There is one channel."""

    def _look(self, state: Any, gap: float) -> bool:
        self.state = state
        return super()._look(state, gap)

    def _next(self) -> np.ndarray:
        return self._means_of(self.level.count, np.array([self.level.mass]))


@dataclass(frozen=True)
class _Found:
    """Proven sets of a state, each inside the one before it, and what is known of the labels."""

    state: TiledState
    levels: Sequence[TiledLevel]
    status: Status
    values: np.ndarray
    energy: float
    gap: float
    proven: bool


class _Work:
    """The image with its tiles, and what is common to both functions before and after a search."""

    def __init__(self, request: TileRequest, energy: Any, name: str) -> None:
        own, out = request.own, request.out
        labels, doubt = out if isinstance(out, (tuple, list)) and len(out) == 2 else (out, None)
        request = replace(request, out=labels)
        shape = tuple(getattr(request.image, "shape", ()))
        energy = contour_length(energy, len(shape))
        if not hasattr(energy, "isotropic") or getattr(energy, "weights", None) is not None:
            raise InputError(f"energy={energy!r} has weights, which are not available by tiles")
        name = f"{name} {energy} {own.tol} {own.max_num_iter}"
        self._raises = own.raise_on_failure
        self.tiled = TiledImage(request, energy, name, double=True, results=2)
        space = self.tiled.tiling.space
        self.inputs = check_inputs(
            np.zeros((1,) * len(space)),
            spacing=self.tiled.steps,
            solver=Solver(tol=own.tol, max_num_iter=own.max_num_iter),
        )
        kind = np.dtype(np.uint8)
        self._out = check_array(labels, space, kind, "out")
        self._doubt = None if doubt is None else check_array(doubt, space, kind, "out")

    def segmented(
        self, run: Callable[[TiledRof], _Found], wanted: int, scaled: bool = False
    ) -> Segmentation:
        """Run a search, and write its labels; ``scaled``: of the image with the range [0, 1]."""
        tiled, size, nothing = self.tiled, self.tiled.picture.size, np.zeros(0)
        result = Segmentation(
            labels=self._out, doubt=self._doubt, values=nothing, thresholds=nothing, energy=np.inf,
            gap=np.inf, num_doubtful=size, doubtful_bound=size, areas=np.zeros((0, 3), int),
            iterations=0, status=Status.STOPPED, spacing=tiled.steps,
        )  # fmt: skip
        with tiled:
            levels = tiled.coarse_levels()
            facts, means = tiled.survey(levels)
            shift = facts.low if scaled else 0.0
            divisor = (facts.high - facts.low or 1.0) if scaled else 1.0
            most = self.inputs.limits.max_num_iter
            rof = TiledRof(tiled, facts, means, levels, most, shift, divisor)
            found = run(rof)
            areas, number, wrong = self._painted(found)
            if rof.passes is not None:
                tiled.release(rof.passes)
            status = self.inputs.status(found.status, found.proven)
            if status.ok and np.count_nonzero(areas[:, 0]) < wanted:
                status = Status.EMPTY_CLASS
            thresholds = np.array([level.level for level in found.levels])
            result = replace(
                result, values=found.values * divisor + shift,
                thresholds=thresholds * divisor + shift, energy=found.energy, gap=found.gap,
                num_doubtful=number, doubtful_bound=wrong, areas=areas, iterations=rof.iterations,
                status=status,
            )  # fmt: skip
        return finished(result, self._raises)

    def _painted(self, found: _Found) -> tuple[np.ndarray, int, int]:
        """Write the labels; the areas, the number of doubtful labels, and how many may be wrong."""
        tiled, levels = self.tiled, found.levels
        store, doubts = tiled.workspace, [level.doubt for level in levels]
        task = Paint(
            tuple(level.level for level in levels), tuple(level.changed for level in levels),
            tuple(name for name, _, _ in doubts), "labels", "doubt",
        )  # fmt: skip
        areas = np.sum(found.state.look(task, writes=("labels", "doubt")), 0).astype(int)
        number = tiled.picture.size - int(areas[:, 1].sum())
        like = Picture(ShapeAndDtype(tiled.tiling.space, np.dtype(np.uint8)), None)
        for target, own in ((self._out, "labels"), (self._doubt, "doubt")):
            if target is not None:
                write_result(target, (), like, frame_reader(store, own, tiled.tiling, like))
        return areas, number, min(sum(wrong for _, _, wrong in doubts), number)
