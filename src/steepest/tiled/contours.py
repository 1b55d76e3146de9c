"""What one worker finds out about the contours in one tile, from the flux that a pass has left.

Everything is evaluated in float64, by the code that proves labels in memory
(`steepest.segmentation.proof`), in bands of a tile: a band needs little memory.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..convex.energy import Energy
from ..segmentation.classes import binned, in_bins, moments
from ..segmentation.kernels import deficits, potential, ties
from ..segmentation.proof import NEAR, Faces, margins, volume
from .windows import Tile, Tiling, grown
from .workspace import Workspace, read

_BAND = 1 << 19  # pixels of a band, about
_FIELDS = 6  # of a contour: length, lack, number and distances of ties, pixels inside, their sum


@dataclass(frozen=True)
class Affine:
    """The image ``(array - shift) / divisor`` without channels, read by windows."""

    array: Any
    shift: float
    divisor: float
    dtype: np.dtype

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the image."""
        return tuple(map(int, self.array.shape))

    def __getitem__(self, window: Any) -> np.ndarray:
        values = np.asarray(self.array[window], np.float64)
        return ((values - self.shift) / self.divisor).astype(self.dtype)


@dataclass(frozen=True)
class Band:
    """A part of a tile: f of its pixels; u and flow q also of the next pixel along each axis.

    Arrays are (z, y, x), and ``corner`` is the first pixel in an image of ``shape``.
    """

    f: np.ndarray
    u: np.ndarray
    q: np.ndarray
    faces: Faces
    corner: tuple[int, ...]
    shape: tuple[int, ...]

    @property
    def own(self) -> np.ndarray:
        """u of the band's own pixels."""
        return self.u[tuple(slice(0, n) for n in self.f.shape)]

    def flat(self, places: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        """The flat indices in the image of flat indices in an array of this shape."""
        at = np.unravel_index(places, shape)
        return np.asarray(
            np.ravel_multi_index(
                tuple(a + c for a, c in zip(at, self.corner, strict=True)), self.shape
            )
        )


@dataclass(frozen=True)
class Look:
    """``task(bands)`` of one tile; the array that it returns is put under the name ``journal``.

    ``flux`` is the name of the flux in the workspace, or None for zero.
    """

    tile: Tile
    tiling: Tiling
    image: Any
    energy: Energy
    strength: float
    store: Workspace
    flux: str | None
    task: Callable[[Look, Iterator[Band]], np.ndarray]
    journal: str


def run_look(job: Look) -> np.ndarray:
    """Look at one tile."""
    found = job.task(job, _bands(job))
    job.store.put(job.journal, job.tile.number, found)
    return found


def _bands(job: Look) -> Iterator[Band]:
    space, core = job.tiling.space, job.tile.core
    faces = Faces.of(job.energy, space, job.strength)
    whole = volume(np.broadcast_to(np.int8(0), space)).shape
    rows = max(_BAND // math.prod(c.stop - c.start for c in core[1:]), 1)
    for start in range(core[0].start, core[0].stop, rows):
        band = (slice(start, min(start + rows, core[0].stop)), *core[1:])
        window = grown(band, 2, space)
        f = volume(job.image[window])
        q = np.zeros((len(space), *f.shape))
        if job.flux is not None:
            p = read(job.store, job.flux, job.tiling, window, (2, len(space), 1), np.float64)[0]
            q = faces.flow(p)
        u = np.empty_like(f)
        potential(f, q, faces.offsets, u)
        lead = (slice(0, 1),) * (3 - len(space))
        first = [b.start - w.start for b, w in zip(band, window, strict=True)]
        sizes = [b.stop - b.start for b in band]
        own = (*lead, *(slice(a, a + n) for a, n in zip(first, sizes, strict=True)))
        more = (*lead, *(slice(a, a + n + 1) for a, n in zip(first, sizes, strict=True)))
        corner = (*(0 for _ in lead), *(b.start for b in band))
        yield Band(
            np.ascontiguousarray(f[own]), np.ascontiguousarray(u[more]),
            np.ascontiguousarray(q[(slice(None), *more)]), faces, corner, whole,
        )  # fmt: skip


def extremes(job: Look, bands: Iterator[Band]) -> np.ndarray:
    """The smallest and the largest u."""
    found = np.array([(band.own.min(), band.own.max()) for band in bands])
    return np.array([found[:, 0].min(), found[:, 1].max()])


@dataclass(frozen=True)
class Moments:
    """The moments of the bins of u (`segmentation.classes.moments`)."""

    low: float
    high: float

    def __call__(self, job: Look, bands: Iterator[Band]) -> np.ndarray:
        return sum(
            (moments(binned(band.own, self.low, self.high)) for band in bands), np.zeros((3, 1))
        )


@dataclass(frozen=True)
class Chosen:
    """The different values of u, binned, in the bins where ``split``, and their numbers (2, n)."""

    low: float
    high: float
    split: np.ndarray

    def __call__(self, job: Look, bands: Iterator[Band]) -> np.ndarray:
        parts = [in_bins(binned(band.own, self.low, self.high), self.split) for band in bands]
        return np.array(np.unique(np.concatenate(parts), return_counts=True), np.float64)


@dataclass(frozen=True)
class ClassSums:
    """The number of pixels in each class of u, and the sum of u there (2, classes)."""

    thresholds: np.ndarray

    def __call__(self, job: Look, bands: Iterator[Band]) -> np.ndarray:
        total, count = np.zeros((2, self.thresholds.size + 1)), self.thresholds.size + 1
        for band in bands:
            u = band.own.ravel()
            labels = np.searchsorted(self.thresholds, u)
            total += [np.bincount(labels, None, count), np.bincount(labels, u, count)]
        return total


@dataclass(frozen=True)
class Squares:
    """The sum of the squared distances of f to the values of the classes of u."""

    thresholds: np.ndarray
    values: np.ndarray

    def __call__(self, job: Look, bands: Iterator[Band]) -> np.ndarray:
        total = 0.0
        for band in bands:
            labels = np.searchsorted(self.thresholds, band.own)
            total += float(((band.f - self.values[labels]) ** 2).sum())
        return np.array(total)


@dataclass(frozen=True)
class Contours:
    """Sums over the sets ``{u > level + shift}`` for shifts of 0, up and down.

    Returns (levels, 3, `_FIELDS` + 1); the last entry is 1 if a face that lacks flow ends at a
    pixel that is almost at the level.
    """

    levels: tuple[float, ...]
    largest: float
    span: float

    def __call__(self, job: Look, bands: Iterator[Band]) -> np.ndarray:
        near, total = NEAR * self.span, np.zeros((len(self.levels), 3, _FIELDS + 1))
        for band in bands:
            for k, level in enumerate(self.levels):
                plain, ends = self._sums(band, level, 0.0)
                values = np.abs(band.u.ravel()[ends] - level)
                total[k, :, -1] = np.maximum(total[k, :, -1], (values <= near).any())
                total[k, 0, :-1] += plain
                for i, shift in ((1, near), (2, -near)):
                    total[k, i, :-1] += self._sums(band, level, shift)[0]
        return total

    def _sums(self, band: Band, level: float, shift: float) -> tuple[list[float], np.ndarray]:
        length, ends, amounts, _ = deficits(
            band.u, band.q, band.faces.weights, band.faces.capacity, band.faces.offsets,
            level + shift, band.f.shape,
        )  # fmt: skip
        rounding = band.faces.rounding(self.largest, level)
        count, distance = ties(np.ascontiguousarray(band.own), level, abs(shift) + rounding)
        inside = band.own > level + shift
        sums = [float(np.count_nonzero(inside)), float(band.f[inside].sum())]
        return [length, float(amounts.sum()), count, distance, *sums], ends


@dataclass(frozen=True)
class Tolerances:
    """A level, the shift of its set, its gap, and how near and how exact u is (see `Level`)."""

    level: float
    shift: float
    gap: float
    near: float
    rounding: float


@dataclass(frozen=True)
class Suspects:
    """Faces that lack flow, (axis, pixel, pixel, amount), their ends, and pixels near the level.

    The ends, and the pixels with a margin up to ``near``, are (-1, pixel, margin, 0). If there are
    more than ``most`` rows, one row is returned: (-2, their number, 0, 0).
    """

    of: Tolerances
    near: float
    most: int

    def __call__(self, job: Look, bands: Iterator[Band]) -> np.ndarray:
        rows, of = [np.zeros((0, 4))], self.of
        for band in bands:
            faces = band.faces
            _, ends, amounts, kinds = deficits(
                band.u, band.q, faces.weights, faces.capacity, faces.offsets, of.level + of.shift,
                band.f.shape,
            )  # fmt: skip
            rows.append(np.column_stack([kinds, band.flat(ends, band.u.shape), amounts]))
            margin = margins(band.u, of.level, of.near, of.rounding)
            wanted = margin <= self.near
            wanted.ravel()[ends] = True
            found = np.flatnonzero(wanted)
            zero = np.zeros(found.size)
            places = band.flat(found, band.u.shape)
            rows.append(np.column_stack([zero - 1, places, margin.ravel()[found], zero]))
        count = sum(map(len, rows))
        if count > self.most:
            return np.array([[-2.0, count, 0, 0]])
        return np.concatenate(rows)


@dataclass(frozen=True)
class Paint:
    """Put the labels, and 255 where they are doubtful, under two names.

    ``levels`` are the thresholds in increasing order. ``names`` are those of their doubtful pixels
    in the workspace (flat indices, increasing), or None: then all pixels are doubtful whose margin
    is at most the gap. Returns the number of certain labels and, for each class, of its labels,
    its certain labels, and the pixels that may have this label.
    """

    levels: tuple[Tolerances, ...]
    names: tuple[str | None, ...]
    labels: str
    doubt: str

    def __call__(self, job: Look, bands: Iterator[Band]) -> np.ndarray:
        counts = np.zeros((len(self.levels) + 1, 3))
        parts: list[tuple[np.ndarray, np.ndarray]] = []
        ndim = len(job.tiling.space)
        for band in bands:
            labels, lowest, highest = (np.zeros(band.f.shape, np.uint8) for _ in range(3))
            for of, name in zip(self.levels, self.names, strict=True):
                inside = band.own > of.level + of.shift
                doubtful = self._doubtful(job, band, of, name)
                labels += inside
                lowest += inside & ~doubtful
                highest += inside | doubtful
            certain = lowest == highest
            for k in range(len(counts)):
                own = labels == k
                possible = (lowest <= k) & (k <= highest)
                counts[k] += [np.count_nonzero(each) for each in (own, own & certain, possible)]
            shape = (1, *labels.shape[3 - ndim :])
            parts.append((labels.reshape(shape), np.where(certain, 0, 255).reshape(shape)))
        for name, each in zip((self.labels, self.doubt), zip(*parts, strict=True), strict=True):
            whole = np.concatenate(each, 1).astype(np.uint8)
            job.store.put(name, job.tile.number, whole)
        return counts

    def _doubtful(self, job: Look, band: Band, of: Tolerances, name: str | None) -> np.ndarray:
        if of.gap == 0:
            return np.zeros(band.f.shape, bool)
        if name is None:
            return np.asarray(margins(band.own, of.level, of.near, of.rounding) <= of.gap)
        found, marked = job.store.map(name, 0), np.zeros(band.f.shape, bool)
        corner, size = np.array(band.corner), np.array(band.f.shape)
        begin, end = np.ravel_multi_index(tuple(zip(corner, corner + size - 1)), band.shape)  # noqa: B905
        part = np.asarray(found[np.searchsorted(found, begin) : np.searchsorted(found, end + 1)])
        at = np.array(np.unravel_index(part, band.shape)) - corner[:, None]
        at = at[:, ((at >= 0) & (at < size[:, None])).all(0)]
        marked[tuple(at)] = True
        return marked
