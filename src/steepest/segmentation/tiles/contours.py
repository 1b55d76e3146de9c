"""Tasks on one tile of a contour, with the flux that a pass has left.

All is evaluated in float64 by the code that proves labels in memory
(`steepest.segmentation.proof`), in bands, which need little memory.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np

from ...convex.energy import Energy
from ...tiled.jobs import TileJob
from ...tiled.windows import Window, grow
from ...tiled.workspace import read
from ..classes import bin_moments, to_bins, values_in_bins
from ..kernels import contour, near_level, potential
from ..proof import Faces, margins, most_within, volume
from ..repair import repair, undecided

_BAND = 1 << 19  # pixels of a band, about
_AROUND = 64  # pixels around a tile that it may change, at most
_RIM = 2  # pixels around a window whose u and faces are not all known


@dataclass(frozen=True)
class Patch:
    """A window of the image and, within it, the ``box`` of interest; arrays are (z, y, x).

    u and the flow q are right in the box and at the next pixels. ``corner`` is the window's first
    pixel and ``shape`` that of the image, both with three axes.
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
    """``task(job, **needs)`` on one tile, for the set ``{u > level}`` with what has ``changed``.

    ``flux`` is its name in the workspace, or None for zero.
    """

    image: Any
    energy: Energy
    strength: float
    flux: str | None
    task: Callable[..., np.ndarray]
    level: float
    changed: tuple[str, ...]
    needs: dict[str, Any]

    def run(self) -> np.ndarray:
        return self.task(self, **self.needs)

    def part(self, box: Window) -> Patch:
        """The part of the image around a box."""
        space = self.tiling.space
        window, lead = grow(box, _RIM, space, align=1), 3 - len(space)
        f, faces = volume(self.image[window]), Faces.of(self.energy, space, self.strength)
        q = np.zeros((len(space), *f.shape))
        if self.flux is not None:
            kind = self.store.map(self.flux, self.tile.number).dtype
            fields = 2, len(space), 1  # the flux, then that with momentum
            q = faces.flow(read(self.store, self.flux, self.tiling, window, fields, kind, (0,)))
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
        return grow(self.tile.core, margin, self.tiling.space, align=1)


def changes(
    job: ContourJob, names: tuple[str, ...], window: Window
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Axes, places in a window, and flows of what has changed; axis -1: is the pixel in the set."""
    tiling, rows = job.tiling, [np.zeros((0, 3))]
    near = grow(window, _AROUND, tiling.space, align=1)
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


def moments(job: ContourJob, low: float, high: float) -> np.ndarray:
    """The moments of the bins of u (`segmentation.classes.bin_moments`)."""
    return sum((bin_moments(to_bins(b.own, low, high)) for b in job.bands()), np.zeros((3, 1)))


def chosen(job: ContourJob, low: float, high: float, split: np.ndarray) -> np.ndarray:
    """The different values of u in the bins where ``split``, and their numbers (2, n)."""
    parts = [values_in_bins(to_bins(band.own, low, high), split) for band in job.bands()]
    return np.array(np.unique(np.concatenate(parts), return_counts=True), np.float64)


def squares(job: ContourJob, values: np.ndarray) -> np.ndarray:
    """The sum of the squared distances of f to one value outside of the set, and one inside."""
    total = 0.0
    for band in job.bands():
        means = values[band.inside[band.box].astype(int)]
        total += float(((band.f[band.box] - means) ** 2).sum())
    return np.array(total)


def contour_sums(job: ContourJob, rounding: float) -> np.ndarray:
    """Sums over the set: length, lack, ties, worst tie, number of pixels, and sum of f."""
    total, worst = np.zeros(5), 0.0
    for band in job.bands():
        more = tuple(slice(b.start, b.stop + 1) for b in band.box)
        inside = np.ascontiguousarray(band.inside[more])
        q = np.ascontiguousarray(band.q[(slice(None), *more)])
        own = tuple(b.stop - b.start for b in band.box)
        length, _, amounts, _ = contour(inside, q, *band.faces.arrays, own)
        u, side = (np.ascontiguousarray(each[band.box]) for each in (band.u, band.inside))
        near = near_level(u, side, job.level, rounding)
        missing = rounding - margins(u, side, job.level, near)
        worst = max(worst, missing.max(initial=0.0))
        count, mass = np.count_nonzero(side), band.f[band.box][side].sum()
        total += [length, amounts.sum(), missing.sum(), count, mass]
    return np.insert(total, 3, worst)


def complete_flow(job: ContourJob, tiles: frozenset[int], name: str, effort: float) -> np.ndarray:
    """Complete the flow from the pixels of some tiles, and put what changes under a name."""
    if job.tile.number not in tiles:
        job.put(name, np.zeros((0, 3)))
        return np.zeros(1)
    part, core = job.part(job.around), job.tile.core
    start = np.array(part.corner)
    own = np.array([(0, 1)] * (3 - len(core)) + [(c.start, c.stop) for c in core])
    u, q, inside = part.u.copy(), part.q.copy(), part.inside.copy()
    work = int(effort * math.prod(c.stop - c.start for c in core))
    repair(u, q, inside, *part.faces.arrays, job.level, own - start[:, None], part.limits, work)
    touched, rows = inside != part.inside, []
    for axis, offset in enumerate(part.faces.offsets):
        places = np.flatnonzero(q[axis] != part.q[axis])
        step = int(offset @ np.array(u.strides)) // u.itemsize  # axes may have length 1
        touched.ravel()[places] = touched.ravel()[places + step] = True
        rows.append((np.full(places.size, axis), places, q[axis].ravel()[places]))
    places = np.flatnonzero(touched)
    rows.append((np.full(places.size, -1), places, inside.ravel()[places]))
    axes, places, values = (np.concatenate(each) for each in zip(*rows, strict=True))
    job.put(name, np.array([axes, part.flat(places), values]).T)
    return np.array([places.size])


def cut_to(job: ContourJob, other: tuple[float, tuple[str, ...]], name: str) -> np.ndarray:
    """Take what is not in the set of another level out of the set, and put this under a name."""
    wider, found = replace(job, level=other[0], changed=other[1]), [np.zeros((0, 3))]
    for band, wide in zip(job.bands(), wider.bands(), strict=True):
        out = np.zeros(band.u.shape, bool)
        out[band.box] = band.inside[band.box] & ~wide.inside[band.box]
        places = band.flat(np.flatnonzero(out))
        found.append(np.array([(-1, place, 0) for place in places.tolist()]).reshape(-1, 3))
    rows = np.concatenate(found)
    job.put(name, rows)
    return np.array([len(rows)])


def doubtful_pixels(job: ContourJob, excess: float, rounding: float, name: str) -> np.ndarray:
    """Put the doubtful pixels of the tile under a name; how many there are, and wrong at once."""
    part = job.part(job.around)
    near = near_level(part.u, part.inside, job.level, excess + rounding)
    unknown = np.ones(part.u.shape, bool)
    unknown[part.box] = False
    unknown.ravel()[near] = True
    found = undecided(part.q, part.inside, *part.faces.arrays, np.flatnonzero(unknown), excess)
    at = np.array(np.unravel_index(found, part.u.shape)) + np.array(part.corner)[:, None]
    core = np.array([(c.start, c.stop) for c in job.tile.core])
    at = at[3 - len(core) :]
    found = found[((at >= core[:, :1]) & (at < core[:, 1:])).all(0)]
    beyond = margins(part.u, part.inside, job.level, found) - rounding
    job.put(name, part.flat(found))
    return np.array([found.size, most_within(beyond, excess)])


def paint(job: ContourJob, sets: Sequence[tuple[float, tuple[str, ...], str | None]]) -> np.ndarray:
    """Put the "labels" and, as "doubt", 255 where they are doubtful.

    ``sets`` are thresholds, names of changes, and the name of doubtful pixels, or None. Returns for
    each class the number of its labels, its certain labels, and the pixels that may have it.
    """
    counts = np.zeros((len(sets) + 1, 3))
    parts: list[tuple[np.ndarray, np.ndarray]] = []
    ndim = len(job.tiling.space)
    for band in job.bands():
        u = band.own
        labels, lowest, highest = (np.zeros(u.shape, np.uint8) for _ in range(3))
        corner = [c + b.start for c, b in zip(band.corner, band.box, strict=True)]
        window = tuple(slice(a, a + n) for a, n in zip(corner, u.shape, strict=True))[-ndim:]
        for level, changed, doubt in sets:
            inside, doubtful = u > level, np.zeros(u.shape, bool)
            axes, places, values = changes(job, changed, window)
            inside.ravel()[places[axes < 0]] = values[axes < 0] > 0
            if doubt is not None:
                at = np.array(np.unravel_index(job.store.map(doubt, job.tile.number), band.shape))
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
    for name, each in zip(("labels", "doubt"), zip(*parts, strict=True), strict=True):
        job.put(name, np.concatenate(each, 1).astype(np.uint8))
    return counts
