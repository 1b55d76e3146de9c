"""The ROF problem of an image on tiles, with the interface of `steepest.segmentation.rof`."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from ...convex.certificate import StepTerms
from ...convex.solve import Goal, Momentum, Outcome, needs_double, rounding_floor, solve
from ...core.status import Status
from ...core.views import Part
from ...tiled.dual import TiledDual
from ...tiled.image import USUAL, ShapeAndDtype, Statistics, TiledImage
from ...tiled.passes import Passes
from ...tiled.picture import Affine, Floats
from ..classes import kmeans_centres
from ..proof import CONSTANT, MORE, THOROUGH, Faces, ProvenSet
from ..rof import FINEST, Attempts, centre_and_scale, scaled_strength, solve_and_look
from .contours import (
    ContourJob,
    chosen,
    complete_flow,
    contour_sums,
    cut_to,
    doubtful_pixels,
    extremes,
    moments,
    squares,
)

_ROW = 256  # bytes of main memory for a pixel that is held one by one
_ROUNDS = 3  # of all tiles
_DEEP = 8  # times the rounding error: a pixel beyond the level by so much is no tie


@dataclass(frozen=True)
class TiledLevel(ProvenSet):
    """A set on tiles; ``changed`` are the names of what repairs have changed."""

    state: TiledState
    level: float
    changed: tuple[str, ...]
    length: float
    lack: float
    excess: float
    count: float
    mass: float

    def _find_doubt(self, rounding: float) -> tuple[str, int, int]:
        state, name = self.state, self.state.new_name("doubts")
        found = state.look(
            doubtful_pixels, self.level, self.changed, (name,),
            excess=self.excess, rounding=rounding, name=name,
        )  # fmt: skip
        count, wrong = np.sum(found, 0).astype(int).tolist()
        return name, count, wrong


class TiledState:
    """The flux that a pass has left, with what `segmentation.proof.State` has for searches."""

    def __init__(
        self, rof: TiledRof, strength: float, flux: str | None, effort: float = THOROUGH
    ) -> None:
        self._rof, self._strength, self._flux, self._effort = rof, strength, flux, effort
        self.span, size = rof.span, math.prod(rof.space)
        self.total = size, rof.mean * size

    def look(
        self,
        task: Callable[..., np.ndarray],
        level: float = np.inf,
        changed: tuple[str, ...] = (),
        writes: tuple[str, ...] = (),
        **needs: Any,
    ) -> list[np.ndarray]:
        """What ``task`` finds in each tile, where it puts arrays under the names ``writes``."""
        rof = self._rof
        rof.looks += 1
        return rof.tiled.run(
            ContourJob, 0, f"look-{rof.looks}", "labels", writes, image=rof.image,
            energy=rof.energy, strength=self._strength, flux=self._flux, task=task, level=level,
            changed=changed, needs=needs,
        )  # fmt: skip

    def new_name(self, of: str) -> str:
        """A name in the workspace."""
        return f"{of}-{self._rof.looks}"

    def rounding(self, level: float) -> float:
        """Bound on the rounding error of ``u - level``."""
        rof = self._rof
        return Faces.of(rof.energy, rof.space, self._strength).rounding(rof.largest, level)

    @cached_property
    def range(self) -> tuple[float, float]:
        """The smallest and the largest u."""
        found = np.array(self.look(extremes))
        return float(found[:, 0].min()), float(found[:, 1].max())

    def squares(self, value: float) -> float:
        """The sum of the squared distances of f to a value."""
        return float(np.sum(self.look(squares, values=np.array([value]))))

    @property
    def constant(self) -> bool:
        """Whether u is constant but for rounding errors."""
        low, high = self.range
        return high - low <= CONSTANT * self._rof.span

    def kmeans(self, num_classes: int, exact: bool) -> np.ndarray:
        """The centres of the classes of u; of whole bins where the values between are too many for
        memory.
        """
        low, high = self.range
        if not high > low:
            return np.array([low])
        total = np.sum(self.look(moments, low=low, high=high), 0)

        def values_of(split: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
            if total[0, split].sum() * _ROW > self._rof.budget:
                return None
            found = np.concatenate(self.look(chosen, low=low, high=high, split=split), 1)
            values, places = np.unique(found[0], return_inverse=True)
            return values, np.bincount(places, found[1])

        return kmeans_centres(total, low, high, num_classes, values_of if exact else None)

    def prove(
        self, level: float, complete: bool = True, within: TiledLevel | None = None
    ) -> TiledLevel:
        """What the flux proves (see `segmentation.proof.State.prove`).

        Tiles complete the flow of their faces, not two neighbours at a time, as they may change
        what is around them. What is left at borders of tiles is tried again.
        """
        rounding = self.rounding(level)
        first = names = self._cut(level, [], within)
        rows = plain = self._sums(level, names)
        for _ in range(_ROUNDS if complete else 0):
            todo = np.flatnonzero((rows[:, 1] > 0) | (rows[:, 3] > _DEEP * rounding))
            if not todo.size:
                break
            colours = self._rof.colours[todo]
            for colour in np.unique(colours):
                name = self.new_name("changed")
                tiles = frozenset(todo[colours == colour].tolist())
                self.look(
                    complete_flow, level, tuple(names), (name,),
                    tiles=tiles, name=name, effort=self._effort,
                )  # fmt: skip
                names = [*names, name]
            names = self._cut(level, names, within)
            rows = self._sums(level, names)
        found, plainly = (self._level(level, *each) for each in ((names, rows), (first, plain)))
        return found if found.excess < plainly.excess else plainly

    def _sums(self, level: float, names: list[str]) -> np.ndarray:
        """What `contour_sums` finds in each tile."""
        rounding = self.rounding(level)
        return np.array(self.look(contour_sums, level, tuple(names), rounding=rounding))

    def _cut(self, level: float, names: list[str], within: TiledLevel | None) -> list[str]:
        """The names of changes, and of those that bring a set ``within`` another one."""
        if within is None:
            return names
        name = self.new_name("within")
        self.look(
            cut_to, level, tuple(names), (name,),
            other=(within.level, within.changed), name=name,
        )  # fmt: skip
        return [*names, name]

    def _level(self, level: float, names: list[str], rows: np.ndarray) -> TiledLevel:
        length, lack, ties, _, count, mass = rows.sum(0).tolist()
        return TiledLevel(
            self, level, tuple(names), length, lack, (lack + ties) * MORE, count, mass
        )


class TiledRof(Attempts):
    """The problem ``argmin 1/2||u - f||^2 + strength J(u)`` on tiles, in float64, with ``f =
    (picture - shift) / divisor``.
    """

    def __init__(
        self,
        tiled: TiledImage,
        facts: Statistics,
        means: np.ndarray,
        levels: int,
        max_num_iter: int,
        shift: float = 0.0,
        divisor: float = 1.0,
    ) -> None:
        super().__init__(max_num_iter)
        wide = np.dtype(np.float64)
        low, high = (facts.low - shift) / divisor, (facts.high - shift) / divisor
        self.largest, self.span = max(high, -low), high - low
        self.mean = (facts.mean - shift) / divisor
        self.energy, self.space, self.budget = tiled.energy, tiled.tiling.space, tiled.budget / 4
        self.looks = 0
        size = tiled.tiling.size
        grid = np.indices([-(-n // m) for n, m in zip(self.space, size, strict=True)])
        self.colours = np.ravel_multi_index(tuple(grid % 2), (2,) * len(size)).ravel()
        self.tiled, self._levels = tiled, levels
        only = Part(Floats(tiled.picture), (0, *(None for _ in self.space)))  # channel
        self.image = Affine(only, shift, divisor, wide)
        middle, self._scale = centre_and_scale(low, high)
        self._middle = middle
        self._means = ((means - shift) / divisor - middle) * self._scale
        self.passes: Passes | None = None

    def at_start(self) -> TiledState:
        """The state of the image itself: u = f."""
        return TiledState(self, 0.0, None)

    def solve(self, strength: float, look: Callable[[Any, float], bool]) -> Status:
        """Solve until ``look(state, gap)`` returns True (see `segmentation.rof.Rof.solve`)."""
        tau = scaled_strength(strength, self._scale)
        if tau == 0:
            look(TiledState(self, strength, None), 0.0)
            return Status.CONVERGED
        known = self.passes  # a pass takes longer than to complete the flux of another strength
        if known is not None and look(TiledState(self, strength, known.flux), np.inf):
            return Status.CONVERGED
        return self._solve(strength, tau, look)

    def _attempt(
        self, strength: float, tau: float, look: Callable[[Any, float], bool]
    ) -> tuple[Status, int]:
        tiled = self.tiled
        like = _like(tiled, np.float32)
        self._double |= needs_double(like, self.energy, tau, 1.0)
        if self._double:
            like = _like(tiled, np.float64)
        divisor = 1 / self._scale
        pixels = Affine(self.image, self._middle, divisor, like.dtype)
        picture = replace(tiled.picture, array=pixels, double=False, channel_axis=None)
        fresh = self.passes is None
        if self.passes is None:
            tiled.picture = picture
            start = tiled.coarse_start(self._means.astype(like.dtype), tau, 1e-3, self._levels)
            self.passes = tiled.passes(start)
        passes = self.passes
        passes.picture = picture
        dual = TiledDual(passes, tiled.depth)
        dual.chunk = tiled.halo - 2  # whole passes
        if not fresh:
            dual.restart()
        floor = rounding_floor(like, self.energy, tau, 1.0)
        goal = Goal(FINEST, self._left, floor=floor)

        def seen(gap: float, effort: float) -> bool:
            return look(TiledState(self, strength, passes.flux, effort), gap)

        def run(watch: Callable[[StepTerms, int], bool]) -> Outcome:
            return solve(dual, tau, goal, Momentum(expected=USUAL), watch)

        return solve_and_look(run, goal, seen)


def _like(tiled: TiledImage, dtype: Any) -> ShapeAndDtype:
    """What is computed, as an array of another dtype."""
    return ShapeAndDtype(tiled.like.shape, np.dtype(dtype))
