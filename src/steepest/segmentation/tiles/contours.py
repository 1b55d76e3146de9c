"""What one worker finds out about the contours in one tile, from the flux that a pass has left.

Everything is evaluated in float64, by the code that proves labels in memory
(`steepest.segmentation.proof`), in bands of a tile: a band needs little memory.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np

from ...convex.energy import Energy
from ...tiled.jobs import TileJob
from ...tiled.windows import Window, grown
from ...tiled.workspace import Workspace, read
from ..classes import binned, in_bins, moments
from ..kernels import close, contour, potential
from ..proof import Faces, margins, most_within, volume
from ..repair import repair, unsure

_BAND = 1 << 19  # pixels of a band, about
_AROUND = 64  # pixels around a tile that it may change, at most
_RIM = 2  # pixels around a window whose u and faces are not all known


class _First(Workspace):
    """The first of two fields: the flux without the momentum."""

    def map(self, name: str, number: int) -> np.ndarray:
        return super().map(name, number)[0]


@dataclass(frozen=True)
class Patch:
    """A window of the image and, within it, the box of the pixels of interest.

    Arrays are (z, y, x); u and the flow q are right in the box and at the next pixels. ``box`` and
    ``corner`` have three axes, and ``shape`` is that of the image.
    """

    f: np.ndarray
    u: np.ndarray
    q: np.ndarray
    inside: np.ndarray
    faces: Faces
    box: Window
    corner: tuple[int, ...]
    shape: tuple[int, ...]

    @property
    def own(self) -> np.ndarray:
        """u in the box."""
        return self.u[self.box]

    @property
    def limits(self) -> np.ndarray:
        """The first pixel and the last + 1 along each axis."""
        return np.array([(b.start, b.stop) for b in self.box])

    def flat(self, places: np.ndarray) -> np.ndarray:
        """The flat indices in the image of flat indices in the window."""
        at = np.unravel_index(places, self.u.shape)
        moved = tuple(a + c for a, c in zip(at, self.corner, strict=True))
        return np.asarray(np.ravel_multi_index(moved, self.shape))


@dataclass(frozen=True)
class ContourJob(TileJob):
    """``task(job)`` of one tile; the array that it returns is journaled.

    ``flux`` is the name of the flux in the workspace, or None for zero. For a ``level``, the set
    ``{u > level}`` is looked at, with what is ``changed`` by repairs: names, the latest last.
    """

    image: Any
    energy: Energy
    strength: float
    flux: str | None
    task: Callable[[ContourJob], np.ndarray]
    level: float = np.inf
    changed: tuple[str, ...] = ()

    def run(self) -> np.ndarray:
        """ContourJob at the tile."""
        return self.task(self)

    def part(self, box: Window) -> Patch:
        """The part of the image around a box."""
        space = self.tiling.space
        window, lead = grown(box, _RIM, space, align=1), 3 - len(space)
        f, faces = volume(self.image[window]), Faces.of(self.energy, space, self.strength)
        q = np.zeros((len(space), *f.shape))
        if self.flux is not None:
            store = _First(self.store.folder)
            kind = store.map(self.flux, self.tile.number).dtype
            q = faces.flow(read(store, self.flux, self.tiling, window, (len(space), 1), kind))
        axes, places, values = changes(self, self.changed, window)
        faced = axes >= 0
        q.reshape(len(q), -1)[axes[faced], places[faced]] = values[faced]
        u = np.empty_like(f)
        potential(f, q, faces.offsets, u)
        inside = u > self.level
        inside.ravel()[places[~faced]] = values[~faced] > 0
        inner = (
            slice(b.start - w.start, b.stop - w.start) for b, w in zip(box, window, strict=True)
        )
        whole, corner = (1,) * lead, (0,) * lead
        return Patch(
            f, u, q, inside, faces, (*(slice(0, 1),) * lead, *inner),
            (*corner, *(w.start for w in window)), (*whole, *space),
        )  # fmt: skip

    def bands(self) -> Iterator[Patch]:
        """The tile, band by band."""
        core = self.tile.core
        rows = max(_BAND // math.prod(c.stop - c.start for c in core[1:]), 1)
        for start in range(core[0].start, core[0].stop, rows):
            yield self.part((slice(start, min(start + rows, core[0].stop)), *core[1:]))

    @property
    def around(self) -> Window:
        """The tile with the pixels around it that it may change: less than half a tile."""
        pairs = zip(self.tiling.size, self.tiling.space, strict=True)
        margin = min([_AROUND, *(m // 2 - _RIM for m, n in pairs if m < n)])
        return grown(self.tile.core, margin, self.tiling.space, align=1)


def changes(
    job: ContourJob, names: tuple[str, ...], window: Window
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What repairs have changed in a window, the latest last: axes, places in it, and values.

    The axis is that of a face, and the value its flow; or the axis is -1, and the value tells
    whether the pixel is in the set.
    """
    tiling, rows = job.tiling, [np.zeros((0, 3))]
    near = grown(window, _AROUND, tiling.space, align=1)
    grid = [range(w.start // m, -(-w.stop // m)) for w, m in zip(near, tiling.size, strict=True)]
    for name in names:
        rows += [job.store.map(name, tiling.number(place)) for place in product(*grid)]
    every = np.concatenate(rows)
    at = np.array(np.unravel_index(every[:, 1].astype(np.int64), tiling.space))
    at = at - np.array([[w.start] for w in window])
    shape = [w.stop - w.start for w in window]
    kept = ((at >= 0) & (at < np.array(shape)[:, None])).all(0)
    places = np.ravel_multi_index(tuple(at[:, kept]), shape)
    return every[kept, 0].astype(np.int64), np.asarray(places), every[kept, 2]


def extremes(job: ContourJob) -> np.ndarray:
    """The smallest and the largest u."""
    found = np.array([(band.own.min(), band.own.max()) for band in job.bands()])
    return np.array([found[:, 0].min(), found[:, 1].max()])


@dataclass(frozen=True)
class Moments:
    """The moments of the bins of u (`segmentation.classes.moments`)."""

    low: float
    high: float

    def __call__(self, job: ContourJob) -> np.ndarray:
        return sum(
            (moments(binned(band.own, self.low, self.high)) for band in job.bands()),
            np.zeros((3, 1)),
        )


@dataclass(frozen=True)
class Chosen:
    """The different values of u, binned, in the bins where ``split``, and their numbers (2, n)."""

    low: float
    high: float
    split: np.ndarray

    def __call__(self, job: ContourJob) -> np.ndarray:
        parts = [in_bins(binned(band.own, self.low, self.high), self.split) for band in job.bands()]
        return np.array(np.unique(np.concatenate(parts), return_counts=True), np.float64)


@dataclass(frozen=True)
class Squares:
    """The sum of the squared distances of f to one value outside of the set, and one inside."""

    values: np.ndarray

    def __call__(self, job: ContourJob) -> np.ndarray:
        total = 0.0
        for band in job.bands():
            means = self.values[band.inside[band.box].astype(int)]
            total += float(((band.f[band.box] - means) ** 2).sum())
        return np.array(total)


@dataclass(frozen=True)
class ContourSums:
    """Sums over the set: length, lack, ties, worst tie, number of pixels, and sum of f.

    Ties are pixels that are beyond the level by less than ``rounding``; what they lack is summed.
    """

    rounding: float

    def __call__(self, job: ContourJob) -> np.ndarray:
        total, worst = np.zeros(5), 0.0
        for band in job.bands():
            more = tuple(slice(b.start, b.stop + 1) for b in band.box)
            inside = np.ascontiguousarray(band.inside[more])
            q = np.ascontiguousarray(band.q[(slice(None), *more)])
            own = tuple(b.stop - b.start for b in band.box)
            length, _, amounts, _ = contour(inside, q, *band.faces.arrays, own)
            u, side = (np.ascontiguousarray(each[band.box]) for each in (band.u, band.inside))
            near = close(u, side, job.level, self.rounding)
            missing = self.rounding - margins(u, side, job.level, near)
            worst = max(worst, missing.max(initial=0.0))
            count, mass = np.count_nonzero(side), band.f[band.box][side].sum()
            total += [length, amounts.sum(), missing.sum(), count, mass]
        return np.insert(total, 3, worst)


@dataclass(frozen=True)
class Repair:
    """Complete the flow from the pixels of some tiles, and put what changes under a name."""

    tiles: frozenset[int]
    name: str
    effort: float

    def __call__(self, job: ContourJob) -> np.ndarray:
        if job.tile.number not in self.tiles:
            job.put(self.name, np.zeros((0, 3)))
            return np.zeros(1)
        part, core = job.part(job.around), job.tile.core
        start = np.array(part.corner)
        own = np.array([(0, 1)] * (3 - len(core)) + [(c.start, c.stop) for c in core])
        u, q, inside = part.u.copy(), part.q.copy(), part.inside.copy()
        work = int(self.effort * math.prod(c.stop - c.start for c in core))
        repair(
            u, q, inside, *part.faces.arrays, job.level, own - start[:, None], part.limits, work
        )  # fmt: skip
        touched, rows = inside != part.inside, []
        for axis, offset in enumerate(part.faces.offsets):
            places = np.flatnonzero(q[axis] != part.q[axis])
            step = int(offset @ np.array(u.strides)) // u.itemsize  # axes may have length 1
            touched.ravel()[places] = touched.ravel()[places + step] = True
            rows.append((np.full(places.size, axis), places, q[axis].ravel()[places]))
        places = np.flatnonzero(touched)
        rows.append((np.full(places.size, -1), places, inside.ravel()[places]))
        axes, places, values = (np.concatenate(each) for each in zip(*rows, strict=True))
        job.put(self.name, np.array([axes, part.flat(places), values]).T)
        return np.array([places.size])


@dataclass(frozen=True)
class Within:
    """Take what is not in the set of another level out of the set, and put this under a name."""

    level: float
    changed: tuple[str, ...]
    name: str

    def __call__(self, job: ContourJob) -> np.ndarray:
        other, found = replace(job, level=self.level, changed=self.changed), [np.zeros((0, 3))]
        for band, wide in zip(job.bands(), other.bands(), strict=True):
            out = np.zeros(band.u.shape, bool)
            out[band.box] = band.inside[band.box] & ~wide.inside[band.box]
            places = band.flat(np.flatnonzero(out))
            found.append(np.array([(-1, place, 0) for place in places.tolist()]).reshape(-1, 3))
        rows = np.concatenate(found)
        job.put(self.name, rows)
        return np.array([len(rows)])


@dataclass(frozen=True)
class DoubtfulPixels:
    """Put the doubtful pixels of the tile (flat indices) under a name, for an excess of energy.

    Returns their number, and how many of them can be wrong at once.
    """

    excess: float
    rounding: float
    name: str

    def __call__(self, job: ContourJob) -> np.ndarray:
        part = job.part(job.around)
        near = close(part.u, part.inside, job.level, self.excess + self.rounding)
        unknown = np.ones(part.u.shape, bool)
        unknown[part.box] = False
        unknown.ravel()[near] = True
        found = unsure(
            part.q, part.inside, *part.faces.arrays, np.flatnonzero(unknown), self.excess
        )
        at = np.array(np.unravel_index(found, part.u.shape)) + np.array(part.corner)[:, None]
        core = np.array([(c.start, c.stop) for c in job.tile.core])
        at = at[3 - len(core) :]
        found = found[((at >= core[:, :1]) & (at < core[:, 1:])).all(0)]
        distances = margins(part.u, part.inside, job.level, found) - self.rounding
        job.put(self.name, part.flat(found))
        return np.array([found.size, most_within(distances, self.excess)])


@dataclass(frozen=True)
class Paint:
    """Put the labels, and 255 where they are doubtful, under two names.

    ``levels`` are the thresholds in increasing order, ``changed`` what repairs have changed for
    each, and ``doubts`` the names of the doubtful pixels, or None. Returns for each class the
    number of its labels, its certain labels, and the pixels that may have this label.
    """

    levels: tuple[float, ...]
    changed: tuple[tuple[str, ...], ...]
    doubts: tuple[str | None, ...]
    labels: str
    doubt: str

    def __call__(self, job: ContourJob) -> np.ndarray:
        counts = np.zeros((len(self.levels) + 1, 3))
        parts: list[tuple[np.ndarray, np.ndarray]] = []
        ndim = len(job.tiling.space)
        for band in job.bands():
            u = band.own
            labels, lowest, highest = (np.zeros(u.shape, np.uint8) for _ in range(3))
            corner = [c + b.start for c, b in zip(band.corner, band.box, strict=True)]
            window = tuple(slice(a, a + n) for a, n in zip(corner, u.shape, strict=True))[-ndim:]
            for level, names, name in zip(self.levels, self.changed, self.doubts, strict=True):
                inside, doubtful = u > level, np.zeros(u.shape, bool)
                axes, places, values = changes(job, names, window)
                inside.ravel()[places[axes < 0]] = values[axes < 0] > 0
                if name is not None:
                    at = np.array(
                        np.unravel_index(job.store.map(name, job.tile.number), band.shape)
                    )
                    at -= np.array(corner)[:, None]
                    doubtful[tuple(at[:, (at[-ndim] >= 0) & (at[-ndim] < u.shape[-ndim])])] = True
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
            job.put(name, whole)
        return counts
