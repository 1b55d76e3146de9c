"""Total generalised variation on manifolds: slopes are tangent vectors of their own.

    F(x, v) = 1/2 sum_i m_i d(x_i, f_i)^2 + alpha1 sum_i |(log_i x_j / h - v_a)_a|
              + alpha0 sum_i |((D_b v_a + D_a v_b) / 2)_ab|

with one slope ``v_a`` per axis in the tangent space at ``x_i``, and backward differences ``D`` of
slopes by parallel transport. The derivatives of logarithms and of transport are those of symmetric
spaces, by functions of the Jacobi operator ``w -> R(w, G) G``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement
from typing import Any, NamedTuple

import numpy as np

from .problem import Problem
from .terms import BEND, SLOPE, Term

_LARGEST = 3.0  # lengths near the cut locus, where derivatives have no bound, count as this one


class TgvState(NamedTuple):
    """Points (n, \\*point_shape) and the slopes there (axes, n, d)."""

    points: np.ndarray
    slopes: np.ndarray


@dataclass(frozen=True, eq=False)
class GeneralisedProblem(Problem):
    """The problem with ``alpha`` = alpha1 and ``beta`` = alpha0."""

    @property
    def num_tangents(self) -> int:
        return 1 + len(self.space)

    def state(self, points: np.ndarray) -> TgvState:
        return TgvState(points, np.zeros((len(self.space), len(points), self.manifold.dimension)))

    def points(self, x: Any) -> np.ndarray:
        return np.asarray(x.points)

    def advance(self, x: Any, step: np.ndarray) -> TgvState:
        d = self.manifold.dimension
        move = np.ascontiguousarray(step[:, :d])
        points = self.pointwise(self.manifold.exp, x.points, move)
        slopes = x.slopes + np.moveaxis(step[:, d:].reshape(len(step), -1, d), 1, 0)
        if not self.is_flat:
            turn = self.pointwise(self.manifold.transport, points, x.points)
            slopes = np.einsum("npq,anq->anp", turn, slopes)
        return TgvState(points, slopes)

    def differences(self) -> list[Term]:
        """Differences minus slopes, then differences of slopes (on and below the diagonal)."""
        if self.alpha == 0:
            return []
        own, axes = np.arange(self.num_pixels), range(len(self.space))
        ahead, behind = ([self.neighbour({a: by}) for a in axes] for by in (1, -1))
        made: list[Term] = []

        def add(kind: str, valid: np.ndarray, axes: tuple[int, ...], parts: Sequence[Any]) -> None:
            """``parts`` are tangents, offsets, where they are inside, and coefficients."""
            tangents, offsets, inside, coefficients = zip(*parts, strict=True)
            where = np.stack(
                [np.where(i, own + o, own) for i, o in zip(inside, offsets, strict=True)]
            )
            term = GeneralisedTerm(kind, offsets, coefficients, where, valid, tangents, axes)
            made.append(term)

        for a, h in enumerate(self.spacing):
            parts = [(0, 0, True, -1 / h), (0, *ahead[a], 1 / h), (1 + a, 0, True, -1.0)]
            add(SLOPE, ahead[a][1], (a,), parts)
        for a, b in combinations_with_replacement(axes, 2):
            pairs = [(a, a)] if a == b else [(a, b), (b, a)]  # D_q v_p
            valid = np.zeros(len(own), bool)
            points, slopes = [(0, 0, True, 0.0)], []
            for p, q in pairs:
                offset, inside = behind[q]
                inside = inside & ahead[p][1]
                valid |= inside
                scale = 1 / self.spacing[q] / (1 if a == b else 2**0.5)
                points.append((0, offset, inside, 0.0))
                slopes += [(1 + p, 0, True, scale), (1 + p, offset, inside, -scale)]
            add(BEND, valid, (a, b), points + slopes)
        return made

    def difference(
        self, term: Term, x: Any, blocks: bool = False
    ) -> tuple[np.ndarray, Sequence[Any]]:
        assert isinstance(term, GeneralisedTerm)
        return (self._slope if term.kind == SLOPE else self._bend)(term, x, blocks)

    def _slope(self, term: GeneralisedTerm, x: TgvState, blocks: bool) -> tuple[np.ndarray, Any]:
        manifold, (back, ahead, own) = self.manifold, term.coefficients
        to = x.points.take(term.pixels[1], 0)
        log = self.pointwise(manifold.log, x.points, to)
        vector = (ahead * log - x.slopes[term.axes[0]]) * term.valid[:, None]
        if self.is_flat or not blocks:
            return vector, [back, ahead, own]
        function = jacobi(manifold, log)
        near, bound = function(lambda s: s / np.tan(s), lambda s: s / np.tanh(s), 1.0)
        far, far_bound = function(lambda s: s / np.sin(s), lambda s: s / np.sinh(s), 1.0)
        turn = self.pointwise(manifold.transport, x.points, to)
        return vector, [
            (back * near, ahead * bound),
            (ahead * (far @ turn), ahead * far_bound),
            own,
        ]

    def _bend(self, term: GeneralisedTerm, x: TgvState, blocks: bool) -> tuple[np.ndarray, Any]:
        """Differences of slopes, which also turn by curvature where points move."""
        manifold, count = self.manifold, len(term.pixels) // 3
        n, d = self.num_pixels, manifold.dimension
        eye = np.eye(d)
        vector = np.zeros((n, d))
        own = np.zeros((n, d, d))
        own_bound = np.zeros(n)
        points: list[Any] = []
        slopes: list[Any] = []
        for k in range(count):
            p = term.tangents[1 + count + 2 * k] - 1
            pixel, scale = term.pixels[1 + k], term.coefficients[1 + count + 2 * k]
            # rows that are valid as a whole, where the other half of a mixed one is not
            inside = scale * (pixel != term.pixels[0])
            there = x.points.take(pixel, 0)
            turned = before = x.slopes[p].take(pixel, 0)
            if not self.is_flat:
                turn = self.pointwise(manifold.transport, x.points, there)
                turned = np.einsum("npq,nq->np", turn, before)
            vector += inside[:, None] * (x.slopes[p] - turned)
            if not blocks:
                continue
            if self.is_flat:
                points.append(0.0)
                if count == 1:
                    slopes += [scale, -scale]
                else:
                    block = inside[:, None, None] * eye
                    slopes += [(block, inside), (-block, inside)]
                continue
            log = self.pointwise(manifold.log, x.points, there)
            weight, _ = jacobi(manifold, log)(
                lambda s: np.tan(s / 2) / s, lambda s: np.tanh(s / 2) / s, 0.5
            )
            pull = inside[:, None, None] * (manifold.curvature_operator(log, turned) @ weight)
            bound = np.sqrt(np.sum(pull**2, axis=(1, 2)))
            own += pull
            own_bound += bound
            points.append((pull @ turn, bound))
            first = scale if count == 1 else (inside[:, None, None] * eye, inside)
            slopes += [first, (-inside[:, None, None] * turn, inside)]
        return vector, [0.0 if self.is_flat else (own, own_bound), *points, *slopes]


@dataclass(frozen=True, eq=False)
class GeneralisedTerm(Term):
    """A term with the axes of its slopes."""

    axes: tuple[int, ...]


def jacobi(manifold: Any, log: np.ndarray) -> Callable[..., tuple[np.ndarray, np.ndarray]]:
    """Functions (n, d, d) of the root of the Jacobi operator ``w -> R(w, log) log``, with norms.

    They take the function of s for the eigenvalue ``s^2``, that for ``-s^2``, and the value at 0.
    """
    squares, vectors = np.linalg.eigh(-manifold.curvature_operator(log, log))
    s = np.sqrt(np.abs(squares))
    positive, negative = (s > 1e-6) & (squares > 0), (s > 1e-6) & (squares < 0)

    def function(up: Any, down: Any, at_zero: float) -> tuple[np.ndarray, np.ndarray]:
        values = np.full_like(s, at_zero)
        values[positive] = up(np.minimum(s[positive], _LARGEST))
        values[negative] = down(s[negative])
        matrix = np.einsum("npk,nk,nqk->npq", vectors, values, vectors)
        return matrix, np.abs(values).max(axis=1)

    return function
