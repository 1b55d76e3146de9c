"""The energy of an image on a manifold, and its linearisation in tangent spaces.

F(x) = 1/2 sum_i m_i d(x_i, f_i)^2 + alpha sum_i w_i |(d(x_i, x_j) / h)_j| + beta sum_i w_i |second
differences|

m is 1 at known pixels, else 0, and j are the next pixels along the axes. ``|.|`` is the Euclidean
norm over the differences of a pixel (isotropic) or their sum. With ``huber`` = e > 0 for an order,
``w |.|`` becomes ``|.|^2 / (2 e)`` up to e w and ``w |.| - e w^2 / 2`` beyond, as in
`steepest.TotalVariation`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from math import prod
from typing import Any

import numpy as np

from ..core.threads import run_all
from .terms import EDGE, LINE, SQUARE, Term, curved_difference, flat_difference, is_first

_SHARE = 8192  # coordinates for which a thread is worth starting; phases are too quick for it


@dataclass(frozen=True, eq=False)
class Problem:
    """The energy F of images (*space) of n points, given by the noisy points ``data``.

    ``alpha`` and ``beta`` are the weights of both orders, ``huber`` the half-widths of their
    quadratic zones; lengths are in units of the smallest spacing.
    """

    manifold: Any
    data: np.ndarray
    space: tuple[int, ...]
    spacing: tuple[float, ...]
    alpha: float
    beta: float
    isotropic: bool
    known: np.ndarray | None
    weights: np.ndarray | None
    num_threads: int
    huber: tuple[float, float] = (0.0, 0.0)

    @property
    def num_tangents(self) -> int:
        """The number of unknown tangent vectors per pixel: the step, and any slopes."""
        return 1

    @property
    def num_pixels(self) -> int:
        """The number of pixels."""
        return len(self.data)

    @property
    def is_flat(self) -> bool:
        """Whether parallel transport is the identity, so that the linearised problem is exact."""
        return bool(self.manifold.curvature == "flat")

    @cached_property
    def terms(self) -> tuple[Term, ...]:
        """The differences with a weight at some pixel, first order before second order."""
        heavy = True if self.weights is None else self.weights > 0
        return tuple(term for term in self.differences() if (term.valid & heavy).any())

    def differences(self) -> list[Term]:
        """All differences along all axes; some may reach beyond the image everywhere."""
        axes, h = range(len(self.space)), self.spacing
        made: list[Term] = []
        if self.alpha > 0:
            made += [self.term(EDGE, [{}, {a: 1}], [-1 / h[a], 1 / h[a]]) for a in axes]
        if self.beta > 0:
            made += self.second_differences(axes)
        return made

    def second_differences(self, axes: Sequence[int]) -> list[Term]:
        """The terms of second order along these axes."""
        h, made = self.spacing, []
        for a in axes:
            s = 1 / h[a] ** 2
            made.append(self.term(LINE, [{a: -1}, {}, {a: 1}], [s, -2 * s, s]))
        for a, b in combinations(axes, 2):
            s = 2**0.5 / (h[a] * h[b])  # counted twice in the Frobenius norm
            made.append(self.square(a, b, s))
        return made

    def square(self, a: int, b: int, scale: float) -> Term:
        """The mixed difference along two axes."""
        steps = [{}, {a: 1}, {b: 1}, {a: 1, b: 1}]
        return self.term(SQUARE, steps, [scale, -scale, -scale, scale])

    def term(
        self, kind: str, steps: Sequence[dict[int, int]], coefficients: Sequence[float]
    ) -> Term:
        """A difference of the pixels at these ``steps`` ({axis: pixels}), with ``coefficients``."""
        offsets, inside = zip(*map(self.neighbour, steps), strict=True)
        index, valid = np.arange(self.num_pixels), np.logical_and.reduce(inside)
        pixels = np.stack([np.where(valid, index + offset, index) for offset in offsets])
        return Term(kind, offsets, tuple(coefficients), pixels, valid, (0,) * len(steps))

    def neighbour(self, step: dict[int, int]) -> tuple[int, np.ndarray]:
        """How much further the pixel at a step is in flat arrays, and where it is inside (n,)."""
        offset, inside = 0, np.ones(self.space, bool)
        for axis, by in step.items():
            where = np.arange(self.space[axis]) + by
            fits = (where >= 0) & (where < self.space[axis])
            inside &= fits.reshape([-1 if a == axis else 1 for a in range(len(self.space))])
            offset += prod(self.space[axis + 1 :]) * by
        return offset, inside.ravel()

    @cached_property
    def groups(self) -> np.ndarray:
        """The first term of each group, whose terms share a norm; last, the number of terms."""
        count = len(self.terms)
        if not self.isotropic:
            return np.arange(count + 1)
        first = sum(is_first(term) for term in self.terms)
        return np.unique([0, first, count])

    @cached_property
    def strengths(self) -> np.ndarray:
        """(groups,): the weight of the order that each group belongs to."""
        return np.where(self._orders == 1, self.alpha, self.beta)

    @property
    def _orders(self) -> np.ndarray:
        return np.array([1 if is_first(self.terms[k]) else 2 for k in self.groups[:-1]], int)

    @cached_property
    def radius(self) -> np.ndarray:
        """(groups, n): the weight of each norm at each pixel: the radius of its dual ball."""
        radii = []
        bounds = zip(self.groups[:-1], self.groups[1:], self.strengths, strict=True)
        for start, stop, strength in bounds:
            some = np.any([term.valid for term in self.terms[start:stop]], axis=0)
            radii.append(strength * some * (1.0 if self.weights is None else self.weights))
        return np.array(radii).reshape(len(radii), self.num_pixels)

    @cached_property
    def smoothing(self) -> np.ndarray:
        """(groups,): the factor s of Huber's term ``s / 2 |phi|^2`` in the dual of each group."""
        return np.where(self._orders == 1, *self.huber) / self.strengths

    @cached_property
    def steps(self) -> dict[Any, np.ndarray]:
        """Dual steps by damping, relaxation and dtype, where `Dual` can use them again."""
        return {}

    def pointwise(self, function: Callable[..., Any], *arrays: np.ndarray) -> Any:
        """``function(*arrays)`` of arrays with one entry per point, computed by several threads."""
        size = len(arrays[0])
        count = max(1, min(self.num_threads, size * (self.manifold.dimension - 1) // _SHARE))
        cuts = [size * i // count for i in range(count + 1)]
        parts = run_all(
            lambda k: function(*(array[cuts[k] : cuts[k + 1]] for array in arrays)), range(count)
        )
        if count == 1:
            return parts[0]
        if isinstance(parts[0], tuple):
            return tuple(np.concatenate(each) for each in zip(*parts, strict=True))
        return np.concatenate(parts)

    def state(self, points: np.ndarray) -> Any:
        """The state of the solver at points: these, and slopes if the energy has them."""
        return points

    def points(self, x: Any) -> np.ndarray:
        """The points of a state of the solver."""
        return np.asarray(x)

    def advance(self, x: Any, step: np.ndarray) -> Any:
        """The state after a step (n, tangents * d)."""
        return self.pointwise(self.manifold.exp, x, step)

    def difference(
        self, term: Term, x: Any, blocks: bool = False
    ) -> tuple[np.ndarray, Sequence[Any]]:
        """The vectors of a term (n, d) and, if wanted, derivatives: numbers, or (block, bound)."""
        if self.is_flat:  # logarithms of equal points are exactly 0, so also at invalid rows
            return flat_difference(self, term, x), term.coefficients
        if term.kind != EDGE:
            vector, parts = curved_difference(self, term, x, blocks)
            return vector * term.valid[:, None], parts
        scale = term.coefficients[1]
        ahead = x.take(term.pixels[1], 0)
        vector = scale * self.pointwise(self.manifold.log, x, ahead) * term.valid[:, None]
        if not blocks:
            return vector, []
        turned = self.pointwise(self.manifold.transport, x, ahead)
        return vector, [term.coefficients[0], (scale * turned, scale)]

    def energy(self, x: Any) -> float:
        """``F(x)``."""
        moved = self.pointwise(self.manifold.distance, self.points(x), self.data) ** 2
        total = float(np.sum(moved if self.known is None else moved[self.known])) / 2
        squares = [np.sum(self.difference(t, x)[0] ** 2, axis=1) for t in self.terms]
        return total + self.regulariser(squares)

    def regulariser(self, squares: Sequence[np.ndarray]) -> float:
        """``J``, weighted, from the squared norms (n,) of all terms."""
        bounds = enumerate(zip(self.groups[:-1], self.groups[1:], strict=True))
        return sum(
            float(np.sum(self.cost(g, np.sqrt(sum(squares[start:stop])))))
            for g, (start, stop) in bounds
        )

    def cost(self, group: int, norm: np.ndarray) -> np.ndarray:
        """The part of J of the norms (n,) of a group: radius times norm, but for ``huber``."""
        radius = self.radius[group]
        if self.smoothing[group] == 0:
            return np.asarray(radius * norm)
        zone = self.smoothing[group] * radius
        near = np.minimum(norm, zone)
        return np.asarray(radius * (norm - near + near**2 / (2 * np.maximum(zone, 1e-300))))


@dataclass(frozen=True, eq=False)
class Linearisation:
    """The linearisation at x, in the arrays that `compiled.tangent` takes, float64.

    ``data`` (tangents d, n) is the logarithm of the data, 0 where unknown; ``vectors`` (T, d, n)
    are the residuals at x. A term takes its K pixels by ``coefficients`` (T, K) or, where
    ``block_index`` (T, K) is not -1, by these of the ``blocks`` (B, d, d, n); ``norms`` bound the
    norms of both.
    """

    x: Any
    data: np.ndarray
    vectors: np.ndarray
    offsets: np.ndarray
    coefficients: np.ndarray
    block_index: np.ndarray
    tangents: np.ndarray
    blocks: np.ndarray
    norms: list[list[Any]]
    energy: float


def linearise(problem: Problem, x: Any) -> Linearisation:
    """The model ``1/2 sum m |xi - L|^2 + sum radius |G + B xi|`` of F around x."""
    manifold, terms = problem.manifold, problem.terms
    logs = problem.pointwise(manifold.log, problem.points(x), problem.data)
    if problem.known is not None:
        logs = logs * problem.known[:, None]
    width = max((len(term.offsets) for term in terms), default=1)
    offsets = np.zeros((len(terms), width), np.int64)
    coefficients = np.zeros((len(terms), width))
    block_index = np.full((len(terms), width), -1)
    tangents = np.zeros((len(terms), width), np.int64)
    vectors: list[np.ndarray] = []
    blocks: list[np.ndarray] = []
    norms: list[list[Any]] = []
    for t, term in enumerate(terms):
        vector, parts = problem.difference(term, x, blocks=True)
        vectors.append(vector.T)
        norms.append([])
        for k, part in enumerate(parts):
            offsets[t, k], tangents[t, k] = term.offsets[k], term.tangents[k]
            if isinstance(part, float):
                coefficients[t, k] = part
                norms[t].append(abs(part))
            else:
                block, bound = part
                block_index[t, k] = len(blocks)
                blocks.append(np.moveaxis(block, 0, -1))
                norms[t].append(bound)
    d, n = manifold.dimension, problem.num_pixels
    stacked = np.ascontiguousarray(blocks) if blocks else np.zeros((0, d, d, n))
    energy = float(np.sum(logs**2)) / 2
    energy += problem.regulariser([np.einsum("pn,pn->n", v, v) for v in vectors])
    G = np.ascontiguousarray(vectors).reshape(len(terms), d, n)
    data = np.zeros((problem.num_tangents * d, n))
    data[:d] = logs.T
    return Linearisation(
        x, data, G, offsets, coefficients, block_index, tangents, stacked, norms, energy
    )
