"""What a flux proves about the superlevel sets of the exact ROF image (docs/certificate).

For the flow q of a flux and ``u = f + div q``, the energy of a set E is

    G(E) = length of E + sum over E of (level - f) = lack(E) + sum over E of (level - u),

where ``lack(E) >= 0`` is what the faces on the contour of E could still let through. No set has
less energy than ``-sum (u - level)+``. ``{u > level}`` exceeds this by its lack alone: the *gap*.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..convex.energy import Energy
from ..core.namespace import Array, to_float64
from .classes import class_means, kmeans, rest
from .kernels import clusters, deficits, flow_of, numbered, potential, reach, ties

_EPS = float(np.finfo(np.float64).eps)
CONSTANT = 1e-9  # range of a constant image, relative to that of the image before denoising
NEAR = 1e-6  # relative to the range of the image: pixels that are almost at a level
_MORE = 1 + 1e-9  # for the rounding of sums
_MOST_ROUNDS = 100  # of the refinement of the doubtful pixels; each of them is a valid end


@dataclass(frozen=True, eq=False)
class Faces:
    """The faces between pixels: offsets (A, 3), capacities (A,) and weights of the pixels.

    ``weights`` is (z, y, x), or (0, 0, 0) where all are one.
    """

    offsets: np.ndarray
    capacity: np.ndarray
    weights: np.ndarray

    @staticmethod
    def of(energy: Energy, space: tuple[int, ...], strength: float) -> Faces:
        """The faces of an energy ``strength * J`` with coarea formula."""
        offsets, shares = energy.faces(len(space))  # type: ignore[attr-defined]
        weights = np.zeros((0, 0, 0))
        if energy.weights is not None:  # type: ignore[attr-defined]
            weights = volume(to_float64(energy.weights))  # type: ignore[attr-defined]
        return Faces(offsets, strength * shares, weights)

    @property
    def largest(self) -> float:
        """Bound on the change of a pixel by any flow."""
        return 2 * float(self.capacity.sum()) * (self.weights.max() if self.weights.size else 1.0)

    def rounding(self, largest: float, level: float) -> float:
        """Bound on the rounding error of ``u - level`` for an image up to ``largest``."""
        size = largest + abs(level) + self.largest
        return (2 * len(self.capacity) + 4) * _EPS * size

    def flow(self, flux: Array) -> np.ndarray:
        """The flow (A, z, y, x) of a flux (A, 1, \\*space)."""
        p = np.ascontiguousarray(flux).reshape(len(flux), *volume(flux[0, 0]).shape)
        q = np.empty(p.shape)
        flow_of(p, self.weights, self.capacity, self.offsets, q)
        return q


def volume(array: np.ndarray) -> np.ndarray:
    """An array of one to three axes as (z, y, x)."""
    return np.ascontiguousarray(array).reshape((1,) * (3 - array.ndim) + array.shape)


@dataclass(frozen=True, eq=False)
class State:
    """An image f, its faces, a flow q, and the potential ``u = f + div q``; all (z, y, x)."""

    f: np.ndarray
    faces: Faces
    q: np.ndarray
    u: np.ndarray

    @cached_property
    def largest(self) -> float:
        """The largest magnitude of f."""
        return float(max(self.f.max(), -self.f.min()))

    @cached_property
    def span(self) -> float:
        """The range of f."""
        return float(self.f.max() - self.f.min())

    @staticmethod
    def of(f: np.ndarray, faces: Faces, q: np.ndarray) -> State:
        """The state of a flow; u is evaluated anew."""
        u = np.empty_like(f)
        potential(f, q, faces.offsets, u)
        return State(f, faces, q, u)

    @property
    def constant(self) -> bool:
        """Whether u is constant but for rounding errors."""
        return bool(np.ptp(self.u) <= CONSTANT * self.span)

    def kmeans(self, num_classes: int, exact: bool) -> np.ndarray:
        """The centres of the classes of u."""
        return kmeans(self.u, num_classes, exact)

    def class_means(self, thresholds: np.ndarray, of_image: bool) -> np.ndarray:
        """The means of f or u on the classes of u."""
        return class_means(self.f if of_image else self.u, self.u, thresholds)

    def rest(self, thresholds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The means of f, and the thresholds, where the iteration of T-ROF comes to rest."""
        return rest(self.f, self.u, thresholds)

    def prove(self, level: float) -> Level:
        """What the flux proves about ``{u > level}``.

        Pixels that are almost at the level may all be counted to one side of it.
        """
        plain = self._contour(level, 0.0)
        near = NEAR * self.span
        if not (np.abs(self.u.ravel()[plain.ends] - level) <= near).any():
            return plain
        others = (self._contour(level, near), self._contour(level, -near))
        return min(plain, *others, key=lambda each: each.gap)

    def _contour(self, level: float, shift: float) -> Level:
        """The contour of ``{u > level + shift}``, what it lacks, and the pixels in between."""
        length, ends, amounts, _ = deficits(
            self.u, self.q, self.faces.weights, self.faces.capacity, self.faces.offsets,
            level + shift, self.u.shape,
        )  # fmt: skip
        rounding = self.faces.rounding(self.largest, level)
        near = abs(shift) + rounding
        count, total = ties(self.u, level, near)
        slack = slack_of(count, total, rounding)
        return Level(self, level, shift, length, ends, amounts, near, rounding, slack)


@dataclass(frozen=True, eq=False)
class Level:
    """The set ``{u > level}`` of a state, and what may be wrong about it.

    Attributes
    ----------
    shift : float
        The set is ``{u > level + shift}``, with a tiny shift.
    length : float
        The length of its contour, times the strength.
    ends, amounts : arrays (n, 2), (n,)
        The pixels on both sides of each contour face that lacks flow, and what it lacks.
    near, rounding : float
        Pixels this near to the level count as ties; the rounding error of u is below ``rounding``.
    slack : float
        Bound on the change of the energy by ties.
    """

    state: State
    level: float
    shift: float
    length: float
    ends: np.ndarray
    amounts: np.ndarray
    near: float
    rounding: float
    slack: float

    @property
    def gap(self) -> float:
        """The most by which the energy of the set may exceed the least one."""
        return total_gap(float(self.amounts.sum()), self.slack)

    @property
    def energy(self) -> float:
        """``length + sum over the set of (level - f)``."""
        return self.length + float((self.level - self.state.f)[self.inside].sum())

    @property
    def inside(self) -> np.ndarray:
        """The set, (z, y, x)."""
        return self.state.u > self.level + self.shift

    def doubtful(self) -> tuple[np.ndarray, int]:
        """The pixels where an exact minimiser may differ, and how many can do so at once.

        See `doubtful`.
        """
        reached = np.zeros(self.state.u.shape, bool)
        if self.gap == 0:
            return reached, 0
        margin = margins(self.state.u, self.level, self.near, self.rounding).ravel()

        def pick(most: float) -> tuple[np.ndarray, np.ndarray]:
            near = margin <= most
            near[self.ends] = True
            nodes = np.flatnonzero(near)
            return nodes, margin[nodes]

        links = Links(self.ends, self.amounts)
        offsets = self.state.faces.offsets
        nodes, wrong = doubtful(pick, self.state.u.shape, offsets, links, self.gap)
        reached.ravel()[nodes] = True
        return reached, wrong


def total_gap(lack: float, slack: float) -> float:
    """The most by which the energy of a set may exceed the least one."""
    return lack * _MORE + slack


def slack_of(count: int, total: float, rounding: float) -> float:
    """Bound on the change of the energy by ties, from their number and sum of distances."""
    return 2 * (total + rounding * count)


def margins(u: np.ndarray, level: float, near: float, rounding: float) -> np.ndarray:
    """How far each pixel is from the level, at least; negative where it may gain by a change."""
    margin = np.abs(u - level)
    return np.where(margin <= near, -2 * (margin + rounding), margin - rounding)


@dataclass(frozen=True, eq=False)
class Links:
    """The contour faces that lack flow: pixels (n, 2), and what they lack (n,)."""

    ends: np.ndarray
    amounts: np.ndarray

    def lacks(self, part: np.ndarray, count: int) -> np.ndarray:
        """What the faces that touch each part lack. ``part`` has a 0 at its end, for no pixel."""
        first, second = part[self.ends[:, 0]], part[self.ends[:, 1]]
        second = np.where(second == first, 0, second)
        total = np.bincount(first, self.amounts, count + 1)
        return (total + np.bincount(second, self.amounts, count + 1))[1:]


def doubtful(
    pick: Callable[[float], tuple[np.ndarray, np.ndarray]],
    shape: tuple[int, ...],
    offsets: np.ndarray,
    links: Links,
    gap: float,
) -> tuple[np.ndarray, int]:
    """Which pixels are doubtful (flat indices), and how many can be wrong at once.

    ``pick(most)`` returns the flat indices, increasing, and margins of all pixels whose margin is
    at most ``most``, and of all ends of ``links``.

    A pixel *gains* what its faces lack less its margin. Where the set and a minimiser differ on a
    connected part C, the gains in C add up to zero at least. So C lies in one of the `clusters`
    that grow from the pixels with a positive gain. Also, the margins in C add up to at most what
    the faces that touch C lack, each counted once. This makes the clusters smaller. The proof is in
    docs/certificate.
    """
    most = 0.0
    while True:
        nodes, margin = pick(most)
        around = _neighbours(nodes, shape, offsets)
        ends = _places(nodes, links.ends)
        lack = np.bincount(ends.ravel(), np.repeat(links.amounts, 2), nodes.size)
        reached, largest = clusters(lack * _MORE - margin, around)
        widest = len(around) * largest  # clusters that meet at a pixel pay no more for it
        if min(widest, gap) <= most:
            break
        most = min(1.5 * widest, gap)
    return _refined(nodes, margin, around, Links(ends, links.amounts), reached)


def _refined(
    nodes: np.ndarray, margin: np.ndarray, around: np.ndarray, links: Links, reached: np.ndarray
) -> tuple[np.ndarray, int]:
    """The reached pixels that remain if each part has what its own faces lack."""
    cost, ties = np.maximum(margin, 0.0), np.maximum(-margin, 0.0)
    seeds = np.concatenate([links.ends.ravel(), np.flatnonzero(cost == 0)])
    before, part, radius = -1, np.zeros(nodes.size, np.int32), np.zeros(0)
    for _ in range(_MOST_ROUNDS):
        now = int(np.count_nonzero(reached))
        if now in (0, before):
            break
        part, count = numbered(reached, around)
        radius = links.lacks(np.append(part, 0), count) + np.bincount(part, ties, count + 1)[1:]
        radius, before = radius * _MORE, now
        reached = reach(cost, around, seeds, part, radius)
    if not reached.any():
        return nodes[:0], 0
    return nodes[reached], _most_within(cost[reached], part[reached], radius)


def _places(nodes: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """The places of pixels among ``nodes``, or -1."""
    if not nodes.size:
        return np.full(wanted.shape, -1)
    place = np.minimum(np.searchsorted(nodes, wanted), nodes.size - 1)
    return np.where(nodes[place] == wanted, place, -1)


def _neighbours(nodes: np.ndarray, shape: tuple[int, ...], offsets: np.ndarray) -> np.ndarray:
    """The places (2 * offsets, nodes) of the neighbours among ``nodes``, or -1."""
    at = np.unravel_index(nodes, shape)
    strides = np.array([shape[1] * shape[2], shape[2], 1])
    around = np.empty((2 * len(offsets), nodes.size), np.int64)
    for k, offset in enumerate(np.concatenate([-offsets, offsets])):
        around[k] = _places(nodes, nodes + int(offset @ strides))
        for place, step, n in zip(at, offset.tolist(), shape, strict=True):
            around[k][(place + step < 0) | (place + step >= n)] = -1
    return around


def _most_within(margin: np.ndarray, part: np.ndarray, radius: np.ndarray) -> int:
    """The largest number of pixels whose margins add up to at most the radius of their part."""
    order = np.lexsort((margin, part))
    sums, parts = np.cumsum(margin[order]), part[order]
    start = np.searchsorted(parts, parts)  # the first pixel of the own part
    before = np.where(start > 0, sums[start - 1], 0.0)
    fits = sums - before - 1e-9 * sums <= radius[parts - 1]  # 1e-9: the rounding of the sums
    return int(np.count_nonzero(fits))
