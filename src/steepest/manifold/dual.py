"""The dual of the linearised problem: its arrays for `compiled.tangent`, iterations and gaps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ..convex.compiled.team import run_together
from .compiled.tangent import CHUNK, measure, measure_residuals, sweep
from .problem import Linearisation, Problem
from .terms import SLOPE, frames

UNKNOWN = 0.05  # weight on the step of pixels without data, which makes the model convex there
SLOPES = 0.2  # the same for slopes; a larger one is solved faster, with more left to gain
_AT_ONCE = 16  # iterations for which a strip is computed with its neighbourhood
_STRIP = 8192  # coordinates for which a thread is worth it


@dataclass(frozen=True)
class Measured:
    """The model at the primal point, undamped, and its bound ``dual``; the damped ``gap``."""

    model: float
    dual: float
    gap: float
    merit: float
    largest: float


class Dual:
    """Accelerated ascent for successive problems: flux ``phi``, extrapolation ``y`` (T, d, n)."""

    def __init__(self, problem: Problem, dtype: Any) -> None:
        self.problem, self.dtype = problem, np.dtype(dtype)
        n, d, terms = problem.num_pixels, problem.manifold.dimension, len(problem.terms)
        self.phi, self.y, self._phi, self._y = (
            np.zeros((terms, d, n), self.dtype) for _ in range(4)
        )
        self.xi = np.zeros((problem.num_tangents * d, n), self.dtype)
        self.radius = problem.radius.astype(self.dtype)
        self._huber = problem.smoothing.astype(self.dtype)
        self._sums = np.zeros((-(-n // CHUNK), 6))
        strips = max(1, min(problem.num_threads, n * d * terms // _STRIP, n // CHUNK))
        chunks = -(-n // CHUNK)
        cuts = [chunks * i // strips * CHUNK for i in range(strips)]
        self._strips = list(zip(cuts, [*cuts[1:], n], strict=True))
        self._damping = np.zeros(0)
        self._inverse: Any = None

    def in_double(self) -> Dual:
        """A dual with the same flux in float64; call `load` next."""
        other = Dual(self.problem, np.float64)
        other.phi[:] = other.y[:] = feasible(self.problem, self.phi.astype(np.float64))
        return other

    def load(self, linear: Linearisation, damping: np.ndarray | None, relaxation: float) -> None:
        """Take the model at a point, with ``sum damping |xi|^2 / 2`` added (n,); None: 0."""
        problem, logs = self.problem, linear.data
        damping = np.zeros(0) if damping is None or not damping.any() else damping
        if self._inverse is None or not np.array_equal(damping, self._damping):
            mass = np.zeros((problem.num_tangents, problem.num_pixels))  # no data for slopes
            mass[0] = 1 if problem.known is None else problem.known
            weight = np.array([[UNKNOWN]] + [[SLOPES]] * (problem.num_tangents - 1))
            inverse = 1 / (mass + (damping if damping.size else 0) + weight * (1 - mass))
            factor = np.repeat(mass * inverse, problem.manifold.dimension, axis=0)
            self._damping, self._inverse, self._factor = damping, inverse, factor
            self._kept_inverse = inverse.astype(self.dtype)
        self.linear = linear
        kept: Any = self.dtype
        steps = self._steps(linear, self._inverse, relaxation)
        shrink = np.ones((len(self._huber), CHUNK), kept)
        if self._huber.any():
            largest = np.maximum.reduceat(steps, problem.groups[:-1])
            shrink = 1 / (1 + self._huber[:, None] * largest)
        self._fixed = (
            (logs * self._factor).astype(kept),
            self._kept_inverse,
            linear.vectors.astype(kept),
            linear.offsets,
            linear.coefficients.astype(kept),
            linear.block_index,
            linear.tangents,
            linear.blocks.astype(kept),
            self.radius,
            shrink,
            self._huber,
            steps,
            problem.groups,
        )

    def _steps(self, linear: Linearisation, inverse: np.ndarray, relaxation: float) -> np.ndarray:
        """`_steps`, computed once if neither norms of blocks nor damping depend on the point."""
        key = relaxation, self.dtype, self._damping.size
        if key in self.problem.steps and not self._damping.size:
            return self.problem.steps[key]
        steps = (relaxation * _steps(self.problem, linear, inverse)).astype(self.dtype)
        if not any(isinstance(norm, np.ndarray) for norms in linear.norms for norm in norms):
            self.problem.steps[key] = steps
        return steps

    def run(self, betas: Sequence[float]) -> None:
        """One iteration per extrapolation factor."""
        for start in range(0, len(betas), _AT_ONCE):
            part = np.array(betas[start : start + _AT_ONCE], self.dtype)
            tiny = self.dtype.type(np.finfo(self.dtype).tiny)

            def work(
                item: Any, flags: np.ndarray, member: int, ticket: int, part: Any = part,
                tiny: Any = tiny,
            ) -> None:  # fmt: skip
                (low, high), buffers = item
                sweep(
                    self.phi, self.y, self._phi, self._y, *buffers, *self._fixed, part, low, high,
                    tiny, flags, member, ticket,
                )  # fmt: skip

            run_together(work, list(zip(self._strips, self._buffers, strict=True)))
            self.phi, self._phi = self._phi, self.phi
            self.y, self._y = self._y, self.y

    @cached_property
    def _buffers(self) -> list[list[np.ndarray]]:
        """The threads' own arrays for `_AT_ONCE` iterations."""
        terms, d, n = self.phi.shape
        offsets = self.linear.offsets
        reach = int(max(offsets.max(), 0) - min(offsets.min(), 0))
        buffers = []
        for low, high in self._strips:
            size = min(n, high + _AT_ONCE * reach) - max(0, low - _AT_ONCE * reach)
            flux, chunk = (terms, d, size), (terms, d, CHUNK)
            shapes = flux, flux, (len(self.xi), size), chunk, (CHUNK,)
            buffers.append([np.zeros(shape, self.dtype) for shape in shapes])
        return buffers

    def measure(self) -> Measured:
        """The model and its dual at the current flux; `xi` is the primal point."""
        for kernel in measure, measure_residuals:

            def work(
                strip: Any, flags: np.ndarray, member: int, ticket: int, kernel: Any = kernel
            ) -> None:
                buffers = np.empty((*self.phi.shape[:2], CHUNK), self.dtype), np.empty(CHUNK)
                kernel(
                    self.phi, self.xi, *buffers, *self._fixed, self._sums, self._damping, *strip,
                    flags, member, ticket,
                )  # fmt: skip

            run_together(work, self._strips)
        norms, products, fit, conjugate, damped = self._sums[:, :5].sum(axis=0)
        return Measured(
            model=norms + fit,
            dual=products + conjugate,
            gap=max(norms - products, 0.0),
            merit=products + (conjugate if self._damping.size == 0 else fit + damped / 2),
            largest=float(self._sums[:, 5].max()) ** 0.5,
        )

    def restart(self) -> None:
        """Forget the momentum."""
        self.y[:] = self.phi

    def move(self, x: np.ndarray) -> None:
        """Express the flux in the frames at the new points x."""
        problem = self.problem
        if problem.is_flat:
            return
        last = None
        for t, term in enumerate(problem.terms):
            old = frames(problem, term, problem.points(self.linear.x))
            new = frames(problem, term, problem.points(x))
            if last is None or term.kind == "square":
                turn = problem.pointwise(problem.manifold.transport, new, old)
                last = turn if term.kind != "square" else None
            else:
                turn = last
            turn = np.ascontiguousarray(np.moveaxis(turn, 0, -1)).astype(self.dtype)
            for field in self.phi, self.y:
                field[t] = np.einsum("pqn,qn->pn", turn, field[t])


def feasible(problem: Problem, flux: np.ndarray) -> np.ndarray:
    """Shrink the vectors of a flux (T, d, n) to their balls, in place."""
    for g, radius in enumerate(problem.radius):
        part = slice(problem.groups[g], problem.groups[g + 1])
        norm = np.sqrt(np.sum(flux[part] ** 2, axis=(0, 1)))
        flux[part] *= radius / np.maximum(norm, np.maximum(radius, 1e-300))
    return flux


def balance(dual: Dual) -> None:
    """Make the dual value of a flux finite: subtract what pulls at slopes, which have no data."""
    problem, terms = dual.problem, dual.problem.terms
    d = problem.manifold.dimension
    for t, term in enumerate(terms):
        if term.kind == SLOPE:  # -1 is the coefficient of the slope; xi = -v B^T phi
            own = slice(term.tangents[2] * d, (term.tangents[2] + 1) * d)
            dual.phi[t] -= dual.xi[own] / dual._fixed[1][term.tangents[2]]
    fields = zip(problem.groups[:-1], problem.groups[1:], problem.radius, strict=True)
    norms = [(np.sqrt(np.sum(dual.phi[i:j] ** 2, axis=(0, 1))), radius) for i, j, radius in fields]
    parts = [(norm[norm > ball] / ball[norm > ball]).max(initial=1) for norm, ball in norms]
    dual.phi /= max(parts, default=1.0)


def _steps(problem: Problem, linear: Linearisation, inverse: np.ndarray) -> np.ndarray:
    """(T, n): dual steps ``1 / sum_k |B_k| v_k C_k``, C = sum |B|; 0 at invalid rows."""
    n = problem.num_pixels
    columns = np.zeros((problem.num_tangents, n))
    for term, norms in zip(problem.terms, linear.norms, strict=True):
        for offset, slot, norm in zip(term.offsets, term.tangents, norms, strict=True):
            rows, pixels = _rows_and_pixels(n, offset)
            columns[slot, pixels] += (term.valid * norm)[rows]
    weighted = columns * inverse
    steps = []
    for term, norms in zip(problem.terms, linear.norms, strict=True):
        total = np.zeros(n)
        for offset, slot, norm in zip(term.offsets, term.tangents, norms, strict=True):
            rows, pixels = _rows_and_pixels(n, offset)
            total[rows] += (norm * np.ones(n))[rows] * weighted[slot, pixels]
        steps.append(np.where(term.valid & (total > 0), 1 / np.where(total > 0, total, 1), np.inf))
    for start, stop in zip(problem.groups[:-1], problem.groups[1:], strict=True):
        least = np.min(steps[start:stop], axis=0)
        for t in range(start, stop):
            steps[t] = np.where(problem.terms[t].valid, least, 0.0)
    return np.array(steps).reshape(len(steps), n)


def _rows_and_pixels(n: int, offset: int) -> tuple[slice, slice]:
    """Rows e and the pixels e + offset, where both exist."""
    return slice(max(0, -offset), n - max(0, offset)), slice(max(0, offset), n - max(0, -offset))
