"""The ROF problem of an image on tiles, with the interface of `steepest.segmentation.rof`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..convex.certificate import StepTerms
from ..convex.solve import Goal, Momentum, Outcome, needs_double, rounding_floor, solve
from ..core.status import Status
from ..segmentation.classes import centres
from ..segmentation.proof import CONSTANT, NEAR, Faces, slack_of, total_gap
from ..segmentation.rof import FINEST, centre, step_of, watched
from .contours import (
    Affine,
    Chosen,
    ClassSums,
    Contours,
    Look,
    Moments,
    Tolerances,
    extremes,
    run_look,
)
from .dual import TiledDual
from .passes import Passes, journaled
from .setup import USUAL, Facts, Setup

ROW = 256  # bytes of main memory for a pixel that is held one by one


@dataclass(frozen=True)
class TiledLevel:
    """The set ``{u > level + shift}``: sums over all tiles."""

    of: Tolerances
    length: float
    slack: float
    count: float
    mass: float  # sum of f over the set

    @property
    def gap(self) -> float:
        """The most by which the energy of the set may exceed the least one."""
        return self.of.gap

    @property
    def energy(self) -> float:
        """``length + sum over the set of (level - f)``."""
        return self.length + self.of.level * self.count - self.mass


class TiledState:
    """The flux that a pass has left, with what `segmentation.proof.State` has for searches."""

    def __init__(self, rof: TiledRof, strength: float, flux: str | None) -> None:
        self._rof, self._strength, self._flux = rof, strength, flux
        self._range: tuple[float, float] | None = None

    def look(self, task: Any) -> list[np.ndarray]:
        """What ``task`` finds in each tile."""
        return self._rof.look(self._strength, self._flux, task)

    @property
    def range(self) -> tuple[float, float]:
        """The smallest and the largest u."""
        if self._range is None:
            found = np.array(self.look(extremes))
            self._range = float(found[:, 0].min()), float(found[:, 1].max())
        return self._range

    @property
    def constant(self) -> bool:
        """Whether u is constant but for rounding errors."""
        low, high = self.range
        return high - low <= CONSTANT * self._rof.span

    def kmeans(self, num_classes: int, exact: bool) -> np.ndarray:
        """The centres of the classes of u.

        Where the values between the classes are too many to be held, classes consist of whole bins.
        """
        low, high = self.range
        if not high > low:
            return np.array([low])
        moments = np.sum(self.look(Moments(low, high)), 0)

        def chosen(split: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
            if moments[0, split].sum() * ROW > self._rof.budget:
                return None
            found = np.concatenate(self.look(Chosen(low, high, split)), 1)
            values, places = np.unique(found[0], return_inverse=True)
            return values, np.bincount(places, found[1])

        return centres(moments, low, high, num_classes, chosen if exact else None)

    def class_means(self, thresholds: np.ndarray, of_image: bool) -> np.ndarray:
        """The means of u on its classes (see `segmentation.classes.class_means`)."""
        del of_image  # False
        counts, sums = np.sum(self.look(ClassSums(thresholds)), 0)
        edges = np.concatenate([thresholds[:1], thresholds, thresholds[-1:]])
        return np.where(counts > 0, sums / np.maximum(counts, 1), (edges[:-1] + edges[1:]) / 2)

    def prove(self, level: float) -> TiledLevel:
        """What the flux proves about ``{u > level}``."""
        rof = self._rof
        found = np.array(self.look(Contours((level,), rof.largest, rof.span)))[:, 0]
        near, total = bool(found[:, 0, -1].any()), found.sum(0)
        faces = Faces.of(rof.energy, rof.space, self._strength)
        rounding, levels = faces.rounding(rof.largest, level), []
        shifts = (0.0, NEAR * rof.span, -NEAR * rof.span)
        for shift, (length, lack, count, distance, pixels, mass, _) in zip(
            shifts, total.tolist(), strict=True
        ):
            slack = slack_of(count, distance, rounding)
            of = Tolerances(level, shift, total_gap(lack, slack), abs(shift) + rounding, rounding)
            levels.append(TiledLevel(of, length, slack, pixels, mass))
        return min(levels, key=lambda each: each.gap) if near else levels[0]


class TiledRof:
    """The problem ``argmin 1/2||u - f||^2 + strength J(u)`` on tiles.

    ``f`` is the image ``(picture - shift) / divisor``, in float64. ``data`` is not changed.
    """

    def __init__(
        self,
        setup: Setup,
        facts: Facts,
        means: np.ndarray,
        levels: int,
        max_num_iter: int,
        shift: float = 0.0,
        divisor: float = 1.0,
    ) -> None:
        wide = np.dtype(np.float64)
        low, high = (facts.low - shift) / divisor, (facts.high - shift) / divisor
        self.largest, self.span = max(high, -low), high - low
        self.mean = (facts.mean - shift) / divisor
        self.energy, self.space, self.budget = setup.energy, setup.tiling.space, setup.budget / 4
        self.iterations, self._left, self._looks = 0, max_num_iter, 0
        self._setup, self._levels = setup, levels
        self.image = Affine(_Floats(setup.picture), shift, divisor, wide)
        middle, self._scale = centre(low, high)
        self._middle = middle
        self._means = ((means - shift) / divisor - middle) * self._scale
        self._double = False
        self._passes: Passes | None = None

    def look(self, strength: float, flux: str | None, task: Any) -> list[np.ndarray]:
        """What ``task`` finds in each tile at this flux."""
        setup = self._setup
        self._looks += 1
        journal, tiling = f"look-{self._looks}", setup.tiling
        jobs = (
            Look(
                tile, tiling, self.image, self.energy, strength, setup.workspace, flux, task,
                journal,
            )
            for tile in tiling.tiles(0)
        )  # fmt: skip
        return journaled(
            setup.crew, setup.workspace, journal, run_look, jobs, len(tiling), "labels"
        )

    def at_start(self) -> TiledState:
        """The state of the image itself: u = f."""
        return TiledState(self, 0.0, None)

    def solve(self, strength: float, look: Callable[[Any, float], bool]) -> Status:
        """Solve until ``look(state, gap)`` returns True (see `segmentation.rof.Rof.solve`)."""
        tau = step_of(strength, self._scale)
        if tau == 0:
            look(TiledState(self, strength, None), 0.0)
            return Status.CONVERGED
        while True:
            status = self._solve(strength, tau, look)
            if status is not Status.ROUNDING or self._double:
                return status
            self._double = True

    def _solve(self, strength: float, tau: float, look: Callable[[Any, float], bool]) -> Status:
        setup = self._setup
        like = _like(setup, np.float32)
        self._double |= needs_double(like, self.energy, tau, 1.0)
        if self._double:
            like = _like(setup, np.float64)
        divisor = 1 / self._scale
        pixels = Affine(self.image, self._middle, divisor, like.dtype)
        picture = replace(setup.picture, array=pixels, double=False, channel_axis=None)
        fresh = self._passes is None
        if self._passes is None:
            setup.picture = picture
            start = setup.coarse_start(self._means.astype(like.dtype), tau, 1e-3, self._levels)
            self._passes = setup.passes(start)
        passes = self._passes
        passes.picture = picture
        dual = TiledDual(passes, setup.halo)
        dual.chunk = setup.halo - 2  # whole passes
        if not fresh:
            dual.restart()
        floor = rounding_floor(like, self.energy, tau, 1.0)
        goal = Goal(FINEST, self._left, floor=floor)

        def seen(gap: float) -> bool:
            return look(TiledState(self, strength, passes.flux), gap)

        def run(watch: Callable[[StepTerms, int], bool]) -> Outcome:
            return solve(dual, tau, goal, Momentum(expected=USUAL), watch)

        status, iterations = watched(run, goal, seen)
        self.iterations += iterations
        self._left = max(self._left - iterations, 1)
        return status


def _like(setup: Setup, dtype: Any) -> Any:
    """What is computed, as an array of another dtype."""
    like = setup.like
    like.dtype = np.dtype(dtype)
    return like


@dataclass(frozen=True)
class _Floats:
    """The floats of a picture with one channel."""

    picture: Any

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.picture.space)

    def __getitem__(self, window: Any) -> np.ndarray:
        return np.asarray(self.picture.read(window)[0])
