"""Max-flow certificates of the superlevel sets of the exact ROF image (docs/certificate).

For the flow q of a flux and ``u = f + div q``, the energy of a set E is

    G(E) = length of E + sum over E of (level - f) = lack(E) + sum over E of (level - u),

where ``lack(E) >= 0`` is what the faces on the contour of E could still let through. No set has
less energy than ``-sum (u - level)+``. ``{u > level}`` exceeds this by its lack alone: the *gap*.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from ..convex.energy import Energy
from ..core.namespace import Array, to_float64
from .classes import iterate_means, kmeans
from .kernels import contour, flow_of, near_level, potential
from .repair import repair, undecided

_EPS = float(np.finfo(np.float64).eps)
CONSTANT = 1e-9  # range of a constant image, relative to that of the image before denoising
MORE = 1 + 1e-9  # for the rounding of sums
THOROUGH = 50.0  # visits of a pixel to complete a flow, on average, if it is the last one


@dataclass(frozen=True, eq=False)
class Faces:
    """The faces between pixels: offsets (A, 3), capacities (A,), and weights (z, y, x) of the
    pixels, or (0, 0, 0) where all are one.
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

    @property
    def arrays(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Weights, capacities and offsets."""
        return self.weights, self.capacity, self.offsets

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
    """An image f with a feasible flow q and ``u = f + div q``, all (z, y, x)."""

    f: np.ndarray
    faces: Faces
    q: np.ndarray
    u: np.ndarray
    effort: float = THOROUGH
    error: float = 0.0

    @cached_property
    def largest(self) -> float:
        """The largest magnitude of f."""
        return float(max(self.f.max(), -self.f.min()))

    @cached_property
    def span(self) -> float:
        """The range of f."""
        return float(self.f.max() - self.f.min())

    @staticmethod
    def of(
        f: np.ndarray, faces: Faces, q: np.ndarray, effort: float = THOROUGH, error: float = 0.0
    ) -> State:
        """The state of a flow."""
        u = np.empty_like(f)
        potential(f, q, faces.offsets, u)
        return State(f, faces, q, u, effort, error)

    def rounding(self, level: float) -> float:
        """Bound on the error of ``u - level``."""
        return self.faces.rounding(self.largest, level) + self.error

    def squares(self, value: float) -> float:
        """The sum of the squared distances of f to a value."""
        return float(((self.f - value) ** 2).sum())

    @property
    def total(self) -> tuple[int, float]:
        """The number of pixels, and the sum of f."""
        return self.f.size, float(self.f.sum())

    @property
    def constant(self) -> bool:
        """Whether u is constant but for rounding errors."""
        return bool(np.ptp(self.u) <= CONSTANT * self.span)

    def kmeans(self, num_classes: int, exact: bool) -> np.ndarray:
        """The centres of the classes of u."""
        return kmeans(self.u, num_classes, exact)

    def iterate_means(self, thresholds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The means of f, and the thresholds, where the iteration of T-ROF comes to rest."""
        return iterate_means(self.f, self.u, thresholds)

    def prove(self, level: float, complete: bool = True, within: Level | None = None) -> Level:
        """The best set ``within`` another one, or ``{u > level}``, and what the flow proves.

        If ``complete``, the flow is completed where it does not saturate the contour (`repair`).
        """
        allowed = True if within is None else within.inside
        plain = Level.of(self, level, (self.u > level) & allowed)
        if plain.lack > 0 and complete:
            u, q, better = self.u.copy(), self.q.copy(), plain.inside.copy()
            box = np.array([(0, n) for n in u.shape])
            visits = int(self.effort * u.size)
            repair(u, q, better, *self.faces.arrays, level, box, box, visits)
            state = State.of(self.f, self.faces, q, error=self.error)
            found = Level.of(state, level, better & allowed)
            if found.excess < plain.excess:
                return replace(found, state=self, known=found.doubt)
        return plain


class ProvenSet:
    """A set of pixels for a level, and the bound of its energy by the flow of a state.

    ``lack`` is what its contour could still let through. With what ties may change, the set exceeds
    the least energy by at most ``excess``. ``mass`` is the sum of f.
    """

    state: Any
    level: float
    length: float
    lack: float
    excess: float
    count: float
    mass: float

    @cached_property
    def doubt(self) -> tuple[Any, int, int]:
        """Where a set of least energy may differ, in how many pixels, and in how many at once."""
        rounding = self.state.rounding(self.level)
        if self.excess == 0 < rounding:  # no rounding: all is zero, and every pixel is a tie
            return None, 0, 0
        return self._find_doubt(rounding)

    def _find_doubt(self, rounding: float) -> tuple[Any, int, int]:
        raise NotImplementedError

    @property
    def gap(self) -> float:
        """The most by which the energy of the set may exceed the least one."""
        return self.excess if self.lack > 0 or self.doubt[1] else 0.0

    @property
    def energy(self) -> float:
        """``length + sum over the set of (level - f)``."""
        return self.length + self.level * self.count - self.mass


@dataclass(frozen=True, eq=False)
class Level(ProvenSet):
    """A set in memory: ``inside`` (z, y, x); ``known`` is `doubt`, if it was found with a completed
    flow, which is not kept.
    """

    state: State
    level: float
    inside: np.ndarray
    length: float
    lack: float
    excess: float
    known: tuple[np.ndarray | None, int, int] | None = None

    @staticmethod
    def of(state: State, level: float, inside: np.ndarray) -> Level:
        """Bound the excess of a set by the flow of a state (docs/certificate)."""
        length, _, amounts, _ = contour(inside, state.q, *state.faces.arrays, inside.shape)
        lack, rounding = float(amounts.sum()), state.rounding(level)
        near = near_level(state.u, inside, level, rounding)
        excess = lack + float((rounding - margins(state.u, inside, level, near)).sum())
        return Level(state, level, inside, length, lack, excess * MORE)

    def _find_doubt(self, rounding: float) -> tuple[np.ndarray | None, int, int]:
        if self.known is not None:
            return self.known
        state, inside = self.state, self.inside
        near = near_level(state.u, inside, self.level, self.excess + rounding)
        near = undecided(state.q, inside, *state.faces.arrays, near, self.excess)
        beyond = margins(state.u, inside, self.level, near) - rounding
        return near, near.size, most_within(beyond, self.excess)

    @property
    def count(self) -> int:  # type: ignore[override]
        return int(np.count_nonzero(self.inside))

    @cached_property
    def mass(self) -> float:  # type: ignore[override]
        return float(self.state.f[self.inside].sum())

    @property
    def doubtful(self) -> np.ndarray:
        """Where a set of least energy may differ, (z, y, x)."""
        mask = np.zeros(self.inside.shape, bool)
        if self.doubt[0] is not None:
            mask.ravel()[self.doubt[0]] = True
        return mask


def margins(u: np.ndarray, inside: np.ndarray, level: float, pixels: np.ndarray) -> np.ndarray:
    """How far pixels (flat indices) are beyond the level, on their side of it."""
    beyond = u.ravel()[pixels] - level
    return np.where(inside.ravel()[pixels], beyond, -beyond)


def most_within(margins: np.ndarray, excess: float) -> int:
    """The largest number of pixels whose margins add up to at most the excess."""
    sums = np.cumsum(np.sort(np.maximum(margins, 0.0)))
    return int(np.count_nonzero(sums <= excess * MORE))
