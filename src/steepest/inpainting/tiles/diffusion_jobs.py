"""Diffusion inpainting on one tile: solve it, and what its residual and correction need."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...elliptic.operator import Operator
from ...tiled.jobs import TileJob
from ...tiled.picture import Picture
from ...tiled.windows import Window
from ...tiled.workspace import digest, read
from ..problem import prepare
from ..steady_state import fill
from .blocks import block_sums, gathered, interpolated

_MOST = 200  # iterations on a tile, as in `steepest.inpaint`


@dataclass(frozen=True)
class Holes:
    """An image read by windows, and its known (if ``inverted``, unknown) ``marks``, else NaN."""

    picture: Picture
    marks: Picture | None
    inverted: bool
    steps: tuple[float, ...]

    def read(self, window: Window) -> tuple[np.ndarray, np.ndarray]:
        """Values (C, \\*window) in float64, zero at unknown pixels, and which pixels are known."""
        part = np.asarray(self.picture.array[self.picture.index(window)])
        marked = None if self.marks is None else np.asarray(self.marks.array[window]) != 0
        known, unknown = (None, marked) if self.inverted else (marked, None)
        problem = prepare(part, known, unknown, self.picture.channel_axis, part=True)
        kept = problem.confidence
        return np.where(kept, np.asarray(problem.values, np.float64), 0.0), kept

    def couple(self, u: np.ndarray) -> np.ndarray:
        """``sum over neighbours q of u_q / h_pq^2`` for (C, \\*window)."""
        shape = u.shape[1:]
        return Operator(np.zeros(shape), tuple(1 / h**2 for h in self.steps)).couple(u)


@dataclass(frozen=True)
class Iterate:
    """A stored image, else zero at unknown pixels, plus an interpolated ``coarse`` one there."""

    image: str | None
    coarse: str | None
    levels: int


@dataclass(frozen=True)
class FillJob(TileJob):
    """One tile of one pass over an iterate."""

    holes: Holes
    iterate: Iterate
    target: str = ""  # the name under which a solution is put
    tol: float = 0.0
    mean: tuple[float, ...] = ()  # of the known pixels of each channel
    unit: float = 1.0  # a power of two near the largest value
    cells: tuple[int, ...] = ()  # of the coarse grid

    def read(self) -> tuple[np.ndarray, np.ndarray]:
        """The iterate (C, \\*window), and which pixels are known."""
        window, iterate = self.tile.window, self.iterate
        u, known = self.holes.read(window)
        if iterate.image is not None:
            u = read(self.store, iterate.image, self.tiling, window, (len(u),), u.dtype)
        if iterate.coarse is not None:
            u = u + np.where(known, 0.0, self.interpolated(iterate.coarse))
        return u, known

    def interpolated(self, name: str) -> np.ndarray:
        """A coarse image in the window."""
        return interpolated(self.store.map(name, 0), self.tile.window, self.iterate.levels)

    def inner(self, array: np.ndarray) -> np.ndarray:
        """The core of (..., \\*window)."""
        cut: Any = (..., *self.tile.inner)
        return np.asarray(array[cut])

    def residual(self, u: np.ndarray, known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The residual and the part of known pixels in it, (C, *core), divided by ``unit``."""
        shape = (-1, *(1,) * (u.ndim - 1))
        v = (u - np.reshape(self.mean, shape)) / self.unit
        unknown, holes = ~known, self.holes
        r = holes.couple(v) - holes.couple(np.ones((1, *known.shape))) * v
        b = holes.couple(np.where(known, v, 0))
        return self.inner(r * unknown), self.inner(b * unknown)


class Survey(FillJob):
    """Facts of a core, sums over its blocks (1 + C, *cells) of the known, and digests.

    The facts are the number of known pixels, the largest magnitude of one, the smallest and largest
    nonzero value of the mask, and the sum of the known values of each channel.
    """

    def run(self) -> tuple[np.ndarray, np.ndarray, list[str]]:
        """Read the core."""
        u, known = self.holes.read(self.tile.core)
        low, high = math.inf, -math.inf
        if self.holes.marks is not None:
            marks = np.asarray(self.holes.marks.array[self.tile.core], np.float64)
            marks = marks[marks != 0]
            low, high = float(marks.min(initial=math.inf)), float(marks.max(initial=-math.inf))
        facts = [known.sum(), np.abs(u).max(), low, high, *u.sum(tuple(range(1, u.ndim)))]
        both = np.concatenate([known[None].astype(np.float64), u])
        digests = [digest(known), digest(known, u)]
        return np.array(facts, np.float64), block_sums(both, 2**self.iterate.levels), digests


class Sweep(FillJob):
    """Solve the equation in the window with its border held, and put the core."""

    def run(self) -> np.ndarray:
        """The number of iterations."""
        u, known = self.read()
        held = known.copy()
        for axis, (part, n) in enumerate(zip(self.tile.window, known.shape, strict=True)):
            before: tuple[Any, ...] = (slice(None),) * axis
            if part.start > 0:
                held[(*before, 0)] = True
            if part.stop < self.tiling.space[axis]:
                held[(*before, n - 1)] = True
        count = 0
        if not held.all():
            solution = fill(
                u, held, self.holes.steps, self.tol, max_num_iter=_MOST, start=u,
                num_threads=self.num_threads,
            )  # fmt: skip
            u, count = np.where(known, u, solution.image), int(solution.iterations.max())
        self.put(self.target, self.inner(u))
        return np.array([count])


class Residual(FillJob):
    """Squares of the residual and its reference (C each), and the residual on the coarse grid."""

    def run(self) -> np.ndarray:
        """All in one array."""
        r, b = self.residual(*self.read())
        space = tuple(range(1, r.ndim))
        sums = gathered(r, self.tile.core, self.iterate.levels, self.cells)
        return np.concatenate([(r * r).sum(space), (b * b).sum(space), sums.ravel()])


class LineSearch(FillJob):
    """``<v, r>`` and ``<v, A v>`` (C each) of the correction ``v`` whose coarse image is target."""

    def run(self) -> np.ndarray:
        """Both in one array."""
        u, known = self.read()
        v = np.where(known, 0.0, self.interpolated(self.target))
        r, _ = self.residual(u, known)
        holes = self.holes
        image = self.inner(holes.couple(np.ones((1, *known.shape))) * v - holes.couple(v))
        v = self.inner(v)
        space = tuple(range(1, v.ndim))
        return np.concatenate([(v * r).sum(space), (v * image).sum(space)])
