"""Minimise the energy, and bound its gap and the distance to the minimiser."""

from dataclasses import replace
from typing import Any

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from ..core.progress import Reporter
from ..core.solver import Limits
from ..core.status import Status
from .circle import Circle
from .dual import Dual, balance, feasible
from .problem import Linearisation, Problem, linearise
from .result import ManifoldResult, ManifoldStep
from .solve import Solution, solve

_ROUNDING = 1e-13  # of sums, relative
_INSIDE = 1e-3  # a flux this far inside its ball belongs to an edge without a jump
_LOOKS, _BETWEEN = 20, 20  # looks at the bound, and iterations between them
_WORTHWHILE = 0.95  # a look that does not improve the bound by this factor is the last


def certify(
    problem: Problem, solution: Solution, tol: float
) -> tuple[Linearisation, float | None, float | None, Status]:
    """The final point, its gap and the distance to the minimiser, as far as they have bounds.

    Flat: the energy with fixed wraps is convex, and its dual value bounds its minimum. By the
    strong convexity of both, the distance is at most ``step / 2 + sqrt(gap - step^2 / 4)``, with
    the distance ``step`` to the primal point of the flux. With slopes, that value needs `balance`,
    which costs more than the solver still gains: a gap above ``tol`` has a status of its own.

    Nonpositive curvature, without closed geodesics: F is strongly convex along geodesics, so the
    norm of any subgradient bounds the distance. Curved otherwise, or with pixels without data:
    nothing.
    """
    linear, status = solution.linear, solution.status
    curved_slopes = not problem.is_flat and (problem.beta > 0 or problem.num_tangents > 1)
    stationary = Status.STATIONARY if status is Status.CONVERGED else status
    if problem.known is not None or curved_slopes:
        return linear, None, None, stationary
    if problem.is_flat:
        gap, bound = _flat(problem, solution)
        if status is Status.CONVERGED and gap > tol * linear.energy:
            status = Status.WIDER_GAP
        elif status is Status.CONVERGED and _has_wraps(problem.manifold):
            status = Status.THESE_WRAPS
        return linear, gap / linear.energy if linear.energy > 0 else 0.0, bound, status
    if not problem.terms:  # the result is the image
        return linear, None, 0.0, status
    if problem.manifold.curvature == "nonpositive" and not _has_wraps(problem.manifold):
        found, bound = _hadamard(problem, solution)
        return found, None, bound, status
    return linear, None, None, stationary


def _has_wraps(manifold: Any) -> bool:
    """Whether a factor is a circle, so that F is convex only once the wraps are chosen."""
    return any(_has_wraps(part) for part in getattr(manifold, "factors", ())) or isinstance(
        manifold, Circle
    )


def _flat(problem: Problem, solution: Solution) -> tuple[float, float]:
    linear = solution.linear
    exact = Dual(problem, np.float64)
    exact.phi[:] = feasible(problem, solution.flux.astype(np.float64))
    exact.load(linear, None, 1.0)
    measured = exact.measure()
    if problem.num_tangents > 1:
        balance(exact)
        measured = exact.measure()
    size = linear.energy + abs(measured.dual) + measured.model
    gap = max(linear.energy - measured.dual, 0.0) + _ROUNDING * size
    step = float(np.sqrt(np.sum(exact.xi[: problem.manifold.dimension] ** 2)))
    half = step / 2
    return gap, min(half + max(gap - half**2, 0.0) ** 0.5, (2 * gap) ** 0.5)


def _hadamard(problem: Problem, solution: Solution) -> tuple[Linearisation, float]:
    """Join pixels whose flux is inside its ball, and find the shortest subgradient.

    ``v = -log f + B^T phi``, where phi is radius r/|r| at groups that jump and anything in the ball
    where all differences are 0. With ``huber``, the gradient is the only one.
    """
    original = solution.linear
    if any(problem.huber):
        gradient = float(np.sqrt(np.sum(_jump_gradient(problem, original)[0].xi ** 2)))
        size = problem.num_pixels**0.5 * (1 + 1 / problem.smoothing.min())  # of what is added up
        return original, gradient + _ROUNDING * float(size)
    # a likely error of the points; smaller differences are no jumps
    least = solution.largest_step + (2 * solution.model_gap / problem.num_pixels) ** 0.5
    labels = _constant_regions(problem, solution, least)
    x = _join_regions(problem, original.x, labels)
    linear = linearise(problem, x)
    for t, term in enumerate(problem.terms):
        linear.vectors[t][:, labels[term.pixels[0]] == labels[term.pixels[1]]] = 0
    exact = Dual(problem, np.float64)
    exact.load(original, None, 1.0)
    exact.phi[:] = solution.flux
    exact.move(x)
    exact.y[:] = exact.phi
    # the pull of the jumps is fixed: it becomes part of the data of a problem in the other rows
    pulled, jumps = _jump_gradient(problem, linear)
    free = np.where(jumps, 0.0, problem.radius)
    rest = replace(linear, data=pulled.xi.copy(), vectors=np.zeros_like(linear.vectors))
    exact.radius = free
    exact.load(rest, None, 1.0)
    size = np.sqrt(np.sum(pulled.xi**2))
    best = np.inf
    for _ in range(_LOOKS):
        exact.run([k / (k + 3) for k in range(_BETWEEN)])
        exact.restart()
        exact.measure()
        before, best = best, float(np.sqrt(np.sum(exact.xi**2)))
        if best > _WORTHWHILE * before:
            break
    bound = best + _ROUNDING * float(size)
    if linear.energy <= original.energy:
        return linear, bound
    away = float(np.sqrt(np.sum(problem.manifold.distance(original.x, x) ** 2)))
    return original, bound + away


def _jump_gradient(problem: Problem, linear: Linearisation) -> tuple[Dual, np.ndarray]:
    """The dual with the derivatives of the costs of all jumps, and where (groups, n) these are."""
    dual = Dual(problem, np.float64)
    jumps = np.zeros(problem.radius.shape, bool)
    for g, (radius, smoothing) in enumerate(zip(problem.radius, problem.smoothing, strict=True)):
        part = slice(problem.groups[g], problem.groups[g + 1])
        norm = np.sqrt(np.sum(linear.vectors[part] ** 2, axis=(0, 1)))
        jumps[g] = norm > 0
        least = np.where(jumps[g], np.maximum(norm, smoothing * radius), np.inf)
        dual.phi[part] = linear.vectors[part] * (radius / least)
    dual.load(linear, None, 1.0)
    dual.measure()
    return dual, jumps


def _constant_regions(problem: Problem, solution: Solution, least: float) -> np.ndarray:
    """The parts in which the flux forbids jumps, or in which they are small: (n,) first pixels."""
    flux, vectors, n = solution.flux, solution.linear.vectors, problem.num_pixels
    pairs = []
    for g, radius in enumerate(problem.radius):
        part = range(problem.groups[g], problem.groups[g + 1])
        norm = np.sqrt(np.sum(flux[part.start : part.stop].astype(float) ** 2, axis=(0, 1)))
        inside = norm < (1 - _INSIDE) * radius
        inside |= np.sqrt(np.sum(vectors[part.start : part.stop] ** 2, axis=(0, 1))) < least
        for t in part:
            pairs.append(problem.terms[t].pixels[:2, inside & problem.terms[t].valid])
    i, j = np.concatenate(pairs, axis=1)
    _, parts = connected_components(coo_array((np.ones(i.size, bool), (i, j)), (n, n)), False)
    return np.unique(parts, return_index=True)[1][parts]


def _join_regions(problem: Problem, x: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Replace the points of each part by their mean: one Karcher step from its first point."""
    manifold, size = problem.manifold, np.bincount(labels, minlength=len(labels))[labels]
    centre = np.ascontiguousarray(x[labels])
    for _ in range(2):
        logs = problem.pointwise(manifold.log, centre, x)
        mean = np.stack([np.bincount(labels, c, len(labels)) for c in logs.T], axis=1)
        mean = mean[labels] / size[:, None]
        centre = problem.pointwise(manifold.exp, centre, mean)
        centre = np.ascontiguousarray(centre[labels])
    return np.where((size == 1).reshape(-1, *(1,) * (x.ndim - 1)), x, centre)


def minimise(
    problem: Problem, start: Any, own: Limits, reporter: Reporter, to_image: Any
) -> ManifoldResult:
    """Minimise the energy from a state, and return the points with what is certain about them."""

    def watch(linear: Linearisation, gap: float, iterations: int) -> bool:
        report = ManifoldStep(
            0, 0, linear.energy, gap, iterations, lambda: to_image(problem.points(linear.x))
        )
        return reporter(report)

    listener = watch if reporter.listens else None
    solution = solve(problem, start, own.tol, own.max_num_iter, listener)
    linear, gap, error_bound, status = certify(problem, solution, own.tol)
    energy = linear.energy
    return ManifoldResult(
        image=to_image(problem.points(linear.x)),
        energy=energy,
        gap=gap,
        error_bound=error_bound,
        model_gap=solution.model_gap / energy if energy > 0 else 0.0,
        largest_step=solution.largest_step,
        iterations=solution.iterations,
        status=status,
    )
