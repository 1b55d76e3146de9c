"""Conjugate gradients for operators that are no `Operator`, preconditioned by multigrid cycles."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..core.threads import run_all
from ..elliptic.cycle import RIGHT, UNKNOWN, cycle, level_of
from ..elliptic.hierarchy import Hierarchy, single
from ..elliptic.solve import Solution

Map = Callable[[np.ndarray], np.ndarray]
_RESTARTS = 4


def one_cycle(hierarchy: Hierarchy) -> Map:
    """``r -> M r`` for (\\*space), one cycle from zero: symmetric positive definite, linear.

    Every call of this function makes buffers of its own: give each thread its own map. The cycle
    is in float32; r is scaled first, as it would underflow.
    """
    levels = hierarchy.levels
    work = np.zeros((3, hierarchy.coefficients.shape[1]), np.float32)
    total = np.zeros(int(levels[:, 1].max()) + 2, np.float32)
    along = single(hierarchy.along)
    uniform = hierarchy.weights is None
    active = hierarchy.operator.active
    shape = tuple(n + 2 for n in active.shape)
    inside = (slice(1, -1),) * active.ndim
    right = level_of(work, RIGHT, levels, 0).reshape(shape)[inside]
    out = level_of(work, UNKNOWN, levels, 0).reshape(shape)[inside]

    def apply(r: np.ndarray) -> np.ndarray:
        size = float(np.abs(r).max())
        if size == 0:
            return np.zeros_like(r)
        right[...] = np.where(active, r / size, 0)
        cycle(
            hierarchy.coefficients, hierarchy.couplings, work, levels, along, uniform,
            hierarchy.volume, total,
        )  # fmt: skip
        return np.where(active, out * size, 0)

    return apply


@dataclass(frozen=True, eq=False)
class System:
    """``apply(u) = 0`` at the ``active`` pixels, u given at the others.

    ``apply`` is linear on (\\*space) and symmetric positive definite on images that vanish where
    not active; ``preconditioner()`` makes a map with buffers of its own.
    """

    apply: Map
    preconditioner: Callable[[], Map]
    active: np.ndarray

    def residual(self, u: np.ndarray) -> np.ndarray:
        """``-apply(u)`` at active pixels, 0 elsewhere."""
        return np.where(self.active, -self.apply(u), 0)

    def relative_residual(self, u: np.ndarray) -> float:
        """``|A u| / |b|`` for (C, \\*space), the worst channel; b is what given values contribute."""
        worst = 0.0
        for channel in u:
            left = float(np.linalg.norm(self.residual(channel)))
            given = float(np.linalg.norm(self.residual(np.where(self.active, 0, channel))))
            worst = max(worst, left / given if given > 0 else float(left > 0))
        return worst


def solve_all(
    system: System, start: np.ndarray, tol: float, max_num_iter: int, num_threads: int
) -> Solution:
    """Solve for (C, \\*space), from and with the given values in ``start``, in threads."""

    def share(first: int) -> list[tuple[np.ndarray, float, int]]:
        precondition = system.preconditioner()
        return [
            _solve(system, precondition, u, tol, max_num_iter) for u in start[first::count]
        ]

    count = max(min(num_threads, len(start)), 1)
    parts = run_all(share, range(count))
    done = [parts[c % count][c // count] for c in range(len(start))]
    images, residuals, iterations = zip(*done, strict=True)
    return Solution(np.stack(images), np.array(residuals), np.array(iterations))


def _solve(
    system: System, precondition: Map, u: np.ndarray, tol: float, max_num_iter: int
) -> tuple[np.ndarray, float, int]:
    """One image; iterations are repeated from the true residual while it is above ``tol``."""
    reference = float(np.linalg.norm(system.residual(np.where(system.active, 0, u))))
    r = system.residual(u)
    now, done = float(np.linalg.norm(r)), 0
    for _ in range(_RESTARTS):
        if now <= tol * reference or done >= max_num_iter:
            break
        step, count = _iterate(system, precondition, r, tol * reference, max_num_iter - done)
        done += count
        following = u + step
        left = system.residual(following)
        before, now = now, float(np.linalg.norm(left))
        if not now < before:
            now = before
            break
        u, r = following, left
    return u, (now / reference if reference > 0 else float(now > 0)), done


def _iterate(
    system: System, precondition: Map, right: np.ndarray, target: float, max_num_iter: int
) -> tuple[np.ndarray, int]:
    """Conjugate gradients from zero until the updated residual's norm is at most ``target``."""
    x, r = np.zeros_like(right), right.copy()
    direction = np.zeros_like(right)
    before, beta = 1.0, 0.0
    for iteration in range(max_num_iter):
        z = precondition(r)
        now = float(np.vdot(z, r))
        beta = now / before if iteration else 0.0
        direction, before = z + beta * direction, now
        image = np.where(system.active, system.apply(direction), 0)
        curvature = float(np.vdot(direction, image))
        if not curvature > 0:
            return x, iteration
        length = now / curvature
        x += length * direction
        r -= length * image
        if np.linalg.norm(r) <= target:
            return x, iteration + 1
    return x, max_num_iter
