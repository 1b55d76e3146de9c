"""Conjugate gradients for operators other than `Operator`, preconditioned by multigrid cycles."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from .cycle import RIGHT, UNKNOWN, cycle, level_of
from .hierarchy import Hierarchy, single
from .iteration import apply, inner
from .solve import Solution, collect_solutions
from .watching import Iteration, Watch, iterate_all, run_to_end

Map = Callable[[np.ndarray], np.ndarray]
_RESTARTS = 4


def compiled_operator(hierarchy: Hierarchy) -> Map:
    """``u -> A u`` at the active pixels of (\\*space), 0 elsewhere. Use it in one thread only."""
    plane = None if hierarchy.volume is None else int(hierarchy.levels[0, 3])
    source, target = np.zeros_like(hierarchy.diagonal), np.zeros_like(hierarchy.diagonal)
    inside = hierarchy.unpad(source)

    def multiply(u: np.ndarray) -> np.ndarray:
        inside[...] = u
        apply(target, source, hierarchy.diagonal, hierarchy.along, hierarchy.weights, plane)
        return hierarchy.unpad(target).copy()

    return multiply


def one_cycle(hierarchy: Hierarchy) -> Map:
    """``r -> M r``, one cycle from zero for one thread: linear, symmetric positive definite."""
    levels = hierarchy.levels
    work = np.zeros((3, hierarchy.coefficients.shape[1]), np.float32)
    total = np.zeros(int(levels[:, 1].max()) + 2, np.float32)
    along = single(hierarchy.along)
    uniform = hierarchy.weights is None
    active = hierarchy.operator.active
    right = hierarchy.unpad(level_of(work, RIGHT, levels, 0))
    out = hierarchy.unpad(level_of(work, UNKNOWN, levels, 0))

    def precondition(r: np.ndarray) -> np.ndarray:
        size = float(np.abs(r).max())
        if size == 0:
            return np.zeros_like(r)
        right[...] = np.where(active, r / size, 0)
        cycle(
            hierarchy.coefficients, hierarchy.couplings, work, levels, along, uniform,
            hierarchy.volume, total,
        )  # fmt: skip
        return np.where(active, out * size, 0)

    return precondition


@dataclass(frozen=True, eq=False)
class System:
    """``A u = 0`` at the ``active`` pixels (*space), with u given at the others.

    ``maps()`` returns ``u -> A u`` and a preconditioner, for use in one thread; A is symmetric
    positive definite on images that vanish at inactive pixels.
    """

    maps: Callable[[], tuple[Map, Map]]
    active: np.ndarray


def solve_all(
    systems: Sequence[System],
    starts: Sequence[np.ndarray],
    tol: float,
    max_num_iter: int,
    num_threads: int,
    watch: Watch | None = None,
) -> list[Solution]:
    """Solve each system for its images (C, *space), in threads, from ``start``.

    The residual is ``|A u| / |b|``, where b is the contribution of the given values to A u.
    """

    def worker() -> Callable[[tuple[int, int]], Iteration]:
        made: dict[int, tuple[Map, Map]] = {}

        def work(place: tuple[int, int]) -> Iteration:
            k, channel = place
            if k not in made:
                made[k] = systems[k].maps()
            return _solve(systems[k], made[k], starts[k][channel], tol, max_num_iter)

        return work

    places = [(k, c) for k, start in enumerate(starts) for c in range(len(start))]
    done = iterate_all(worker, places, num_threads, watch)
    return collect_solutions(done, [len(start) for start in starts])


def solve_for(system: System, right: np.ndarray, tol: float, max_num_iter: int) -> np.ndarray:
    """``A u = right`` with u = 0 at inactive pixels, from zero to this relative residual."""
    iteration = _iterate(system, system.maps(), right, _norm(right), tol, max_num_iter)
    return np.asarray(run_to_end(iteration)[0])


def _residual(system: System, multiply: Map, u: np.ndarray) -> tuple[np.ndarray, float]:
    """``-A u`` at active pixels, and the norm of the contribution of the given values to it."""
    r = np.where(system.active, -multiply(u), 0)
    given = multiply(np.where(system.active, 0, u))
    return r, _norm(np.where(system.active, given, 0))


def _norm(r: np.ndarray) -> float:
    return math.sqrt(inner(r, r))


def _relative(r: np.ndarray, reference: float) -> float:
    size = _norm(r)
    return size / reference if reference > 0 else float(size > 0)


def _solve(
    system: System, maps: tuple[Map, Map], u: np.ndarray, tol: float, max_num_iter: int
) -> Iteration:
    """Solve for one image, restarting from the true residual while it is above ``tol``."""
    r, reference = _residual(system, maps[0], u)
    left, done, stop = _norm(r), 0, False
    for _ in range(_RESTARTS):
        if left <= tol * reference or done >= max_num_iter or stop:
            break
        step, count, stop = yield from _iterate(
            system, maps, r, reference, tol, max_num_iter - done
        )
        done += count
        r, _ = _residual(system, maps[0], u + step)
        now = _norm(r)
        if not now < left:
            break
        u, left = u + step, now
    return u, left, reference, done


def _iterate(
    system: System,
    maps: tuple[Map, Map],
    right: np.ndarray,
    reference: float,
    tol: float,
    max_num_iter: int,
) -> Iteration:
    """Conjugate gradients from zero: correction, iterations, and whether a stop was requested."""
    multiply, precondition = maps
    x, r, direction = np.zeros_like(right), right.copy(), np.zeros_like(right)
    before = 1.0
    for iteration in range(max_num_iter):
        z = precondition(r)
        now = inner(z, r)
        if now == 0:  # solved, or the square underflows
            return x, iteration, False
        direction = z + (now / before if iteration else 0.0) * direction
        before = now
        image = np.where(system.active, multiply(direction), 0)
        curvature = inner(direction, image)
        if not curvature > 0:
            return x, iteration, False
        x += now / curvature * direction
        r -= now / curvature * image
        stop = bool((yield _relative(r, reference)))
        if stop or _norm(r) <= tol * reference:
            return x, iteration + 1, stop
    return x, max_num_iter, False
