"""`threshold_rof` and `chan_vese` tile by tile."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from ...core.errors import InputError
from ...core.numbers import check_count, check_number
from ...core.status import Status, finished
from ...core.tiles import refuse_by_tiles
from ...tiled.image import ShapeAndDtype, TiledImage
from ...tiled.picture import Picture, check_array, frame_reader, write_result
from ...tiled.request import TileRequest
from ..inputs import Inputs, check_inputs, contour_length
from ..means import COARSE, MeansSearch
from ..result import Found, Segmentation, with_labels
from ..thresholds import MOST_CLASSES, ThresholdSearch, check_thresholds
from .contours import paint, squares
from .rof import TiledRof


def threshold_by_tiles(
    request: TileRequest,
    strength: float,
    num_classes: int,
    energy: Any,
    thresholds: Any,
    values: str,
) -> Segmentation:
    """`steepest.segmentation.threshold_rof` tile by tile, with sums and histograms of all tiles."""
    refuse_by_tiles(values=None if values == "denoised" else values)
    strength = check_number(strength, "strength")
    num_classes = check_count(num_classes, "num_classes", least=2, most=MOST_CLASSES)
    fixed = None if thresholds is None else check_thresholds(thresholds)
    name = f"threshold_rof {strength} {num_classes} {None if fixed is None else fixed.tolist()}"
    work = TiledSegmentation(request, energy, name)

    def run(rof: TiledRof) -> Found:
        return ThresholdSearch(work.inputs, num_classes, fixed, "denoised").run(rof, strength)

    return work.run(run)


def chan_vese_by_tiles(request: TileRequest, mu: float, energy: Any) -> Segmentation:
    """`steepest.segmentation.chan_vese` tile by tile. The means are sums over all tiles."""
    mu = check_number(mu, "mu")
    refuse_by_tiles(channel_axis=request.channel_axis)
    work = TiledSegmentation(request, energy, f"chan_vese {mu}")

    def run(rof: TiledRof) -> Found:
        found = _TiledMeansSearch(work.inputs, rof, mu).found()
        return replace(found, values=found.values[:, 0])

    return work.run(run, scaled=True)


class _TiledMeansSearch(MeansSearch):
    """The search of `chan_vese` with means from sums over tiles."""

    level: Any

    def __init__(self, inputs: Inputs, rof: TiledRof, mu: float) -> None:
        self.inputs, self.rof, self.mu = inputs, rof, mu  # type: ignore[assignment]
        self._coarse, state, self.means = COARSE, rof.at_start(), np.zeros((2, 1))
        self._size, self._total = state.total
        self.level = state.prove(rof.mean)
        self.means = self._next()

    def _project(self) -> None:
        """There is one channel."""

    def _squares(self) -> list[float]:
        level, values = self.level, self.means[:, 0]
        return [float(np.sum(level.state.look(squares, level.level, level.changed, values=values)))]

    def _next(self) -> np.ndarray:
        return self._means_of(self.level.count, np.array([self.level.mass]))


class TiledSegmentation:
    """An image with its tiles, and where the labels of a search are written."""

    def __init__(self, request: TileRequest, energy: Any, name: str) -> None:
        own, out = request.own, request.out
        labels, doubt = out if isinstance(out, (tuple, list)) and len(out) == 2 else (out, None)
        request = replace(request, out=labels)
        shape = tuple(getattr(request.image, "shape", ()))
        energy = contour_length(energy, len(shape))
        if not hasattr(energy, "isotropic") or getattr(energy, "weights", None) is not None:
            raise InputError(f"energy={energy!r} has weights, which are not available by tiles")
        name = f"{name} {energy} {own.tol} {own.max_num_iter}"
        self.tiled = TiledImage(request, energy, name, double=True, results=2)
        space = self.tiled.tiling.space
        self.inputs = check_inputs(
            np.zeros((1,) * len(space)),
            spacing=self.tiled.steps,
            solver=own,
        )
        kind = np.dtype(np.uint8)
        self._out = check_array(labels, space, kind, "out")
        self._doubt = None if doubt is None else check_array(doubt, space, kind, "out")

    def run(self, run: Callable[[TiledRof], Found], scaled: bool = False) -> Segmentation:
        """Run a search, and write its labels; ``scaled``: of the image with the range [0, 1]."""
        tiled, none = self.tiled, np.zeros(0)
        stopped = Found(None, [], Status.STOPPED, 0, none, np.inf, np.inf, False)
        size = tiled.picture.size
        result = self._result(stopped, 0.0, 1.0, np.zeros((0, 3), int), size, size)
        with tiled:
            levels = tiled.coarse_levels()
            facts, means = tiled.survey(levels)
            shift = facts.low if scaled else 0.0
            divisor = (facts.high - facts.low or 1.0) if scaled else 1.0
            most = self.inputs.limits.max_num_iter
            rof = TiledRof(tiled, facts, means, levels, most, shift, divisor)
            found = run(rof)
            painted = self._write_labels(found)
            if rof.passes is not None:
                rof.passes.release()
            found = replace(found, values=found.values * divisor + shift)
            result = self._result(found, shift, divisor, *painted)
        return finished(result, self.inputs.limits.raise_on_failure)

    def _result(
        self, found: Found, shift: float, divisor: float, areas: np.ndarray, number: int, wrong: int
    ) -> Segmentation:
        return with_labels(
            self.inputs, found, shift, divisor, Segmentation, labels=self._out, doubt=self._doubt,
            areas=areas, num_doubtful=number, doubtful_bound=wrong,
        )  # fmt: skip

    def _write_labels(self, found: Found) -> tuple[np.ndarray, int, int]:
        """Write the labels; the areas, the number of doubtful labels, and how many may be wrong."""
        tiled, levels = self.tiled, found.levels
        sets = [(level.level, level.changed, level.doubt[0]) for level in levels]  # type: ignore[attr-defined]
        counts = found.state.look(paint, writes=("labels", "doubt"), sets=sets)
        areas = np.sum(counts, 0).astype(int)
        number = tiled.picture.size - int(areas[:, 1].sum())
        like = Picture(ShapeAndDtype(tiled.tiling.space, np.dtype(np.uint8)), None)
        for target, own in ((self._out, "labels"), (self._doubt, "doubt")):
            if target is not None:
                values = frame_reader(tiled.workspace, own, tiled.tiling, like)
                write_result(target, (), like, values)
        return areas, number, min(sum(level.doubt[2] for level in levels), number)
