"""Solve ``(excess - div(weights grad)) u = right`` for any number of right-hand sides."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .hierarchy import Hierarchy, pad, single
from .iteration import conjugate_gradients, norm_squared, residual
from .watching import Iteration, Watch, iterate_all

_RESTARTS = 4


@dataclass(frozen=True, eq=False)
class Solution:
    """The solutions u (C, *space) of `solve`, in float64, and how good each of them is (C,).

    ``left`` is ``|right - A u|``, and ``reference`` is ``|right + couplings to held values|``.
    """

    image: np.ndarray
    left: np.ndarray
    reference: np.ndarray
    iterations: np.ndarray

    @property
    def residual(self) -> np.ndarray:
        """``left / reference`` (C,); 0 if there is nothing to solve."""
        none = (self.left > 0).astype(float)
        with np.errstate(invalid="ignore"):  # NaN where both are infinite: not solved
            return np.divide(self.left, self.reference, out=none, where=self.reference != 0)


@dataclass(frozen=True, eq=False)
class Equation:
    """The arguments of `solve` for one of several independent equations."""

    hierarchy: Hierarchy
    start: np.ndarray
    right: np.ndarray | None = None
    scale: np.ndarray | None = None


def solve(
    hierarchy: Hierarchy,
    start: np.ndarray,
    right: np.ndarray | None = None,
    *,
    scale: np.ndarray | None = None,
    tol: float = 1e-6,
    max_num_iter: int = 100,
    num_threads: int = 1,
    watch: Watch | None = None,
) -> Solution:
    """Multigrid-preconditioned conjugate gradients; threads work on different images.

    ``start`` (C, \\*space) are the values held at inactive pixels, and the first guess at the
    others; ``right`` (C, \\*space) is zero by default. The residual is multiplied by ``scale``
    (\\*space) before its norm is computed; each image stops when it is below ``tol``, relative to
    the right-hand side. ``watch`` is called after each iteration with the largest relative
    residual, as updated by the iteration. If it returns True, all images stop. Without it, images
    are solved one after the other.
    """
    one = [Equation(hierarchy, start, right, scale)]
    return solve_each(
        one, tol=tol, max_num_iter=max_num_iter, num_threads=num_threads, watch=watch
    )[0]


def solve_each(
    equations: Sequence[Equation],
    *,
    tol: float,
    max_num_iter: int,
    num_threads: int = 1,
    watch: Watch | None = None,
) -> list[Solution]:
    """Solve several equations with the options of `solve`; threads share all images."""

    def work(place: tuple[int, int]) -> Iteration:
        own, channel = equations[place[0]], place[1]
        b = None if own.right is None else own.right[channel]
        return _solve_one(own.hierarchy, own.start[channel], b, own.scale, tol, max_num_iter)

    places = [(k, c) for k, each in enumerate(equations) for c in range(len(each.start))]
    parts = iterate_all(lambda: work, places, num_threads, watch)
    return collect_solutions(parts, [len(each.start) for each in equations])


def collect_solutions(
    parts: Sequence[tuple[np.ndarray, float, float, int]], counts: list[int]
) -> list[Solution]:
    """From image, left, reference and iterations of each right-hand side to solutions."""
    ends = np.cumsum(counts)
    solutions = []
    for end, count in zip(ends, counts, strict=True):
        images, left, reference, iterations = zip(*parts[end - count : end], strict=True)
        numbers = (np.array(left), np.array(reference), np.array(iterations))
        solutions.append(Solution(np.stack(images), *numbers))
    return solutions


def combine_solutions(image: np.ndarray, parts: Sequence[Solution]) -> Solution:
    """The solution of a problem of which ``parts`` are independent parts: their norms add up."""
    left = np.linalg.norm([part.left for part in parts], axis=0)
    reference = np.linalg.norm([part.reference for part in parts], axis=0)
    iterations = np.max([part.iterations for part in parts], axis=0)
    return Solution(image, left, reference, iterations)


def _solve_one(
    hierarchy: Hierarchy,
    start: np.ndarray,
    right: np.ndarray | None,
    scale: np.ndarray | None,
    tol: float,
    max_num_iter: int,
) -> Iteration:
    """Solve for one image: its image, norms of residual and reference; yields its residual."""
    levels = hierarchy.levels
    volume = hierarchy.volume
    plane = None if volume is None else int(levels[0, 3])
    x = pad(start)
    b = None if right is None else pad(right)
    weight = None if scale is None else pad(scale)
    equation = (hierarchy.diagonal, hierarchy.along, hierarchy.weights, plane)
    held = np.where(hierarchy.diagonal > 0, 0.0, x)
    r = np.zeros_like(x)
    residual(r, held, b, *equation)
    reference = now = norm_squared(r, weight)
    if not np.array_equal(x, held):
        residual(r, x, b, *equation)
        now = norm_squared(r, weight)
    p, q = np.zeros_like(x), np.zeros_like(x)
    buffers = np.zeros((3, hierarchy.coefficients.shape[1]), np.float32)
    summed = np.zeros(int(levels[:, 1].max()) + 2, np.float32)
    target, total, best = tol * tol * reference, 0, np.asarray(start, np.float64)
    stop = False
    for _ in range(_RESTARTS):
        if now <= target or total >= max_num_iter or stop:
            break
        squares = conjugate_gradients(
            x, r, p, q, hierarchy.diagonal, weight, hierarchy.along, hierarchy.weights, volume,
            hierarchy.coefficients, hierarchy.couplings, buffers, levels, single(hierarchy.along),
            summed,
        )  # fmt: skip
        for square in squares:
            total += 1
            stop = bool((yield _relative(square, reference)))
            if stop or square <= target or total >= max_num_iter:
                break
        before = now
        residual(r, x, b, *equation)
        now = norm_squared(r, weight)
        if not now < before:  # rounding, or NaN
            now = before
            break
        best = hierarchy.unpad(x).copy()
    return best, math.sqrt(now), math.sqrt(reference), total


def _relative(square: float, reference: float) -> float:
    return math.sqrt(square / reference) if reference != 0 else float(square > 0)
