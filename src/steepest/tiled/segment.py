"""Segmentation with proof of arrays that do not fit in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..convex.total_variation import TotalVariation
from ..core.numbers import check_count, check_flag, check_number
from ..core.result import Result
from ..core.solver import Solver
from ..core.status import Status, finished
from ..flows.options import takes_options_of
from ..segmentation.chan_vese import COARSE, MeansSearch
from ..segmentation.inputs import Inputs, check_inputs
from ..segmentation.threshold_rof import MOST_CLASSES, ThresholdSearch, check_thresholds
from .contours import Paint, Squares
from .items import image_by_image
from .picture import Picture, check_array, deliver, stored
from .rof import TiledLevel, TiledRof, TiledState
from .setup import Like, Setup

_WITHOUT = ("weights", "channel_axis", "data_range")


@dataclass(frozen=True, eq=False)
class TiledSegmentation(Result):
    """Labels with a proof, for images on disk.

    Attributes
    ----------
    labels : array-like
        The class of each pixel, uint8, from 0, in the order of the thresholds: ``out``.
    doubt : array-like or None
        255 where the label is not certain, else 0, uint8: what was given as ``doubt``.
    values : float64 array (K,)
        The value of each class.
    thresholds : float64 array (K - 1,)
        The thresholds between the classes, on the scale of the denoised image.
    energy, gap : float
        As for `steepest.segmentation.Segmentation`.
    num_doubtful : int
        The number of labels that are not certain.
    doubtful_bound : int
        The most of these labels that may be wrong at once.
    areas : integer array (K, 3)
        For each class, the number of its pixels, of its certain pixels, and of the pixels that may
        belong to it. The area in the exact solution lies between the last two.
    iterations : int
        Number of iterations of the solver.
    status : Status
        How the computation ended.
    spacing : tuple of floats
        The pixel spacing.
    """

    labels: Any
    doubt: Any
    values: np.ndarray
    thresholds: np.ndarray
    energy: float
    gap: float
    num_doubtful: int
    doubtful_bound: int
    areas: np.ndarray
    iterations: int
    status: Status
    spacing: tuple[float, ...]


@takes_options_of(Setup, without=_WITHOUT)
def threshold_rof(
    image: Any,
    strength: float,
    num_classes: int = 2,
    out: Any = None,
    *,
    doubt: Any = None,
    thresholds: Sequence[float] | None = None,
    tol: float = 1e-9,
    max_num_iter: int = 5000,
    batch_axis: int | None = None,
    raise_on_failure: bool = False,
    **options: Any,
) -> TiledSegmentation:
    """Segment an array that does not fit in memory by its grey values, with smooth contours.

    The labels are those of `steepest.segmentation.threshold_rof` with ``values="denoised"`` and
    its default energy, and are proven like them: the flux is computed by tiles as in `denoise_tv`
    of this module, and completed tile by tile where it does not saturate a contour. Thresholds are
    found from sums and histograms of all tiles, and the gap is a sum over all tiles.

    Parameters
    ----------
    image : array-like, 1-D to 3-D
        As in `denoise_tv` of this module, without channels.
    strength, num_classes, thresholds, tol, max_num_iter, raise_on_failure
        As in `steepest.segmentation.threshold_rof`.
    out : array-like of uint8, optional
        Where the labels are written by slices, of the shape of ``image``. The default is a new
        NumPy array.
    doubt : array-like of uint8, optional
        Where 255 is written for each label that is not certain, and 0 for the others.
    batch_axis : int, optional
        Axis of the images of a time series or stack, which are segmented one by one. All numbers
        and arrays of the result, except ``iterations``, then have a first axis for the images. If
        the work is stopped, they are those of the image where it was stopped.
    **options
        As in `denoise_tv` of this module, without ``weights``, ``channel_axis`` and ``data_range``.

    Returns
    -------
    TiledSegmentation

    Raises
    ------
    InputError
        Bad image, strength, thresholds or options, or a folder that belongs to other work.
    NotConverged
        If the tolerance is not met or a class is empty, and ``raise_on_failure=True``.

    Notes
    -----
    If a threshold lies where so many pixels have nearly the same value that these do not fit in
    ``memory``, classes consist of whole bins, of 4096.
    """
    if batch_axis is not None:

        def one(part: Any, to: Any, doubts: Any, **more: Any) -> TiledSegmentation:
            return threshold_rof(
                part, strength, num_classes, to, doubt=doubts, thresholds=thresholds, tol=tol,
                max_num_iter=max_num_iter, raise_on_failure=raise_on_failure, **more,
            )  # fmt: skip

        return _batch(one, image, out, doubt, batch_axis, options)
    strength = check_number(strength, "strength")
    num_classes = check_count(num_classes, "num_classes", least=2, most=MOST_CLASSES)
    fixed = None if thresholds is None else check_thresholds(thresholds)
    wanted = num_classes if fixed is None else fixed.size + 1
    name = f"threshold_rof {strength} {num_classes} {None if fixed is None else fixed.tolist()}"
    work = _Work(image, out, doubt, name, tol, max_num_iter, raise_on_failure, options)

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

    return work.done(run, wanted)


@takes_options_of(Setup, without=_WITHOUT)
def chan_vese(
    image: Any,
    mu: float = 0.25,
    out: Any = None,
    *,
    doubt: Any = None,
    tol: float = 1e-9,
    max_num_iter: int = 5000,
    batch_axis: int | None = None,
    raise_on_failure: bool = False,
    **options: Any,
) -> TiledSegmentation:
    """Segment an array that does not fit in memory into two classes, each about as bright as its
    mean.

    The labels are those of `steepest.segmentation.chan_vese` with its default energy, and are
    proven like them. The means are sums over all tiles.

    Parameters
    ----------
    image, out, doubt, batch_axis, options
        As in `threshold_rof` of this module.
    mu, tol, max_num_iter, raise_on_failure
        As in `steepest.segmentation.chan_vese`.

    Returns
    -------
    TiledSegmentation

    Raises
    ------
    InputError
        Bad image, mu or options, or a folder that belongs to other work.
    NotConverged
        If the tolerance is not met or a class is empty, and ``raise_on_failure=True``.
    """
    if batch_axis is not None:

        def one(part: Any, to: Any, doubts: Any, **more: Any) -> TiledSegmentation:
            return chan_vese(
                part, mu, to, doubt=doubts, tol=tol, max_num_iter=max_num_iter,
                raise_on_failure=raise_on_failure, **more,
            )  # fmt: skip

        return _batch(one, image, out, doubt, batch_axis, options)
    mu = check_number(mu, "mu")
    work = _Work(image, out, doubt, f"chan_vese {mu}", tol, max_num_iter, raise_on_failure, options)

    def run(rof: TiledRof) -> _Found:
        search = _TiledMeansSearch(work.inputs, rof, mu)
        status, level = search.run(), search.level
        squares = search.state.look(Squares(search.means[:, 0]), level.level, level.changed)
        energy = 2 * search.distance * level.length + float(np.sum(squares))
        gap = 2 * search.distance * level.gap
        return _Found(search.state, [level], status, search.means[:, 0], energy, gap, search.proven)

    return work.done(run, 2, scaled=True)


def _batch(
    one: Callable[..., TiledSegmentation],
    image: Any,
    out: Any,
    doubt: Any,
    batch_axis: int,
    options: dict[str, Any],
) -> TiledSegmentation:
    """The images of a batch, one by one; the result of the last one if it was stopped."""
    shape, kind = tuple(getattr(image, "shape", ())), np.dtype(np.uint8)
    out = check_array(out, shape, kind, "out")
    doubt = None if doubt is None else check_array(doubt, shape, kind, "doubt")
    results = image_by_image(one, image, (out, doubt), batch_axis, **options)
    together = replace(results[-1], labels=out, doubt=doubt)
    if together.status is Status.STOPPED:
        return together
    names = ("values", "thresholds", "energy", "gap", "num_doubtful", "doubtful_bound", "areas")
    return replace(
        together,
        iterations=sum(result.iterations for result in results),
        status=Status.worst([result.status for result in results]),
        **{name: np.array([getattr(result, name) for result in results]) for name in names},
    )


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
    """What both functions do before and after their search."""

    def __init__(
        self,
        image: Any,
        out: Any,
        doubt: Any,
        name: str,
        tol: float,
        max_num_iter: int,
        raise_on_failure: bool,
        options: dict[str, Any],
    ) -> None:
        self._raises = check_flag(raise_on_failure, "raise_on_failure")
        energy = TotalVariation(norm="anisotropic")
        name = f"{name} {tol} {max_num_iter}"
        self.setup = Setup(image, out, energy, name, double=True, results=2, **options)
        space = self.setup.tiling.space
        self.inputs = check_inputs(
            np.zeros((1,) * len(space)),
            spacing=self.setup.steps,
            solver=Solver(tol=tol, max_num_iter=max_num_iter),
        )
        kind = np.dtype(np.uint8)
        self._out = check_array(out, space, kind, "out")
        self._doubt = None if doubt is None else check_array(doubt, space, kind, "doubt")

    def done(
        self, run: Callable[[TiledRof], _Found], wanted: int, scaled: bool = False
    ) -> TiledSegmentation:
        """Run a search, and write its labels; ``scaled``: of the image with the range [0, 1]."""
        setup, result = self.setup, None
        with setup:
            levels = setup.coarse_levels()
            facts, means = setup.survey(levels)
            shift = facts.low if scaled else 0.0
            divisor = (facts.high - facts.low or 1.0) if scaled else 1.0
            most = self.inputs.limits.max_num_iter
            rof = TiledRof(setup, facts, means, levels, most, shift, divisor)
            found = run(rof)
            areas, number, wrong = self._painted(found)
            status = self.inputs.status(found.status, found.proven)
            if status.ok and np.count_nonzero(areas[:, 0]) < wanted:
                status = Status.EMPTY_CLASS
            thresholds = np.array([level.level for level in found.levels])
            result = TiledSegmentation(
                self._out, self._doubt, found.values * divisor + shift,
                thresholds * divisor + shift, found.energy, found.gap, number, wrong, areas,
                rof.iterations, status, setup.steps,
            )  # fmt: skip
        if result is None:
            size = setup.picture.size
            nothing = np.zeros(0)
            result = TiledSegmentation(
                self._out, self._doubt, nothing, nothing, np.inf, np.inf, size, size,
                np.zeros((0, 3), int), 0, Status.STOPPED, setup.steps,
            )  # fmt: skip
        return finished(result, self._raises)

    def _painted(self, found: _Found) -> tuple[np.ndarray, int, int]:
        """Write the labels; the areas, the number of doubtful labels, and how many may be wrong."""
        setup, levels = self.setup, found.levels
        store, doubts = setup.workspace, [level.doubt for level in levels]
        task = Paint(
            tuple(level.level for level in levels), tuple(level.changed for level in levels),
            tuple(name for name, _, _ in doubts), "labels", "doubt",
        )  # fmt: skip
        areas = np.sum(found.state.look(task, writes=("labels", "doubt")), 0).astype(int)
        number = setup.picture.size - int(areas[:, 1].sum())
        like = Picture(Like(setup.tiling.space, np.dtype(np.uint8)), None)
        for target, own in ((self._out, "labels"), (self._doubt, "doubt")):
            if target is not None:
                deliver(target, (), like, stored(store, own, setup.tiling, like))
        return areas, number, min(sum(wrong for _, _, wrong in doubts), number)
