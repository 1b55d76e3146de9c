"""Prox-linear steps: solve the model in the tangent spaces, move along it, and check the energy."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..convex.solve import RELAXATION, Momentum
from ..core.status import Status
from .dual import Dual
from .problem import Linearisation, Problem, linearise

_PART = 0.25  # a model is solved to this part of the progress that it promises
_SAFE = 0.8  # part of the tolerance to which a model is solved at most
_ROUNDING = 1e-13  # part of the energy that rounding hides
_ENOUGH = 1e-4  # part of the promised progress that a step must make
_GOOD = 0.75  # part above which the next step may be bolder
_FIRST_DAMPING, _LARGEST_DAMPING, _SMALLEST_DAMPING = 0.5, 1e6, 1e-2
_FROZEN = 1e3  # damping of pixels that hardly move, where the energy is not smooth
_FEW = 0.02  # part of the pixels that may be damped at the end
_MOST = 0.9  # part of what a model missed that is attributed to the worst pixels
_SINGLE = 1e-5  # relative tolerance above which the flux is in float32,
_MARGIN = 0.9  # and the part of it that is then asked for: the certificate is in float64
_SINGLE_ROUNDING = 1e-6  # as `_ROUNDING`, for a flux in float32


@dataclass(frozen=True, eq=False)
class Solution:
    """The last point, its model and flux, and how the solver ended."""

    linear: Linearisation
    flux: np.ndarray
    model_gap: float
    largest_step: float
    iterations: int
    status: Status


def solve(
    problem: Problem,
    x: Any,
    tol: float,
    max_num_iter: int,
    watch: Callable[[Linearisation, float, int], bool] | None = None,
) -> Solution:
    """Minimise the energy from x until ``F(x) - dual <= tol F(x)``, the dual of the model at x.

    The model is solved until its gap is a part of the progress that it promises; then a step is
    tried. ``watch(linear, relative_gap, iterations)`` is called before every step; True stops the
    solver.
    """
    dual = Dual(problem, np.float32 if tol >= _SINGLE else np.float64)
    if tol >= _SINGLE:
        tol *= _MARGIN
    linear = linearise(problem, x)
    momentum, relaxation = Momentum(), RELAXATION
    damping, done, rises, before = np.zeros(problem.num_pixels), 0, 0, -np.inf
    # what differences and distances of the size of rounding add up to
    weight = float(np.sum(problem.radius))
    floor = _ROUNDING * weight + _ROUNDING**2 * problem.num_pixels
    dual.load(linear, damping, relaxation)
    measured = dual.measure()
    while True:
        gap, status = max(linear.energy - measured.dual, 0.0), None
        if gap <= tol * linear.energy or not problem.terms:
            status = Status.CONVERGED
        elif gap <= floor:
            status = Status.ROUNDING
        elif done >= max_num_iter:
            status = Status.MAX_ITERATIONS
        elif dual.dtype == np.float32 and gap <= _SINGLE_ROUNDING * weight:
            dual = dual.in_double()
            dual.load(linear, damping, relaxation)
            before, measured = -np.inf, dual.measure()
            continue
        promised = linear.energy - measured.model
        wanted = max(_PART * promised, _SAFE * tol * linear.energy)
        ready = promised > 0 and measured.gap <= wanted
        if (ready or status is not None) and watch is not None:
            relative = gap / linear.energy if linear.energy > 0 else 0.0
            if watch(linear, relative, done) and status is None:
                status = Status.STOPPED
        frozen = damping.max(initial=0.0) >= _FROZEN
        if status is None and frozen and 0 <= promised + measured.gap <= tol * linear.energy:
            if np.mean(damping > 0) <= _FEW:  # stationary for all other pixels
                status, gap = Status.AROUND_JUMPS, promised + measured.gap
            else:
                status = Status.NO_DESCENT
        if status is None and ready:
            last = linear
            linear, damping, status = _try_step(problem, dual, promised, damping)
        if status is not None:
            return Solution(linear, dual.phi, gap, measured.largest, done, status)
        if ready:
            dual.load(linear, damping, relaxation)
            before, measured = -np.inf, dual.measure()
            if linear is not last and linear.energy - measured.dual <= tol * linear.energy:
                continue
        least = 24 if problem.is_flat else 8  # iterations between measurements: steps cost as much
        expected = done * (np.sqrt(measured.gap / wanted) - 1) if wanted > 0 else 0.0
        count = int(np.clip(expected, least, 32 if done < 512 else 64))
        count = min(count, max(max_num_iter - done, 1))
        betas, t = momentum.factors(count)
        dual.run(betas)
        done, momentum, measured = done + count, Momentum(t), dual.measure()
        rises = rises + 1 if measured.merit < before else 0
        if rises:
            dual.restart()
            momentum = Momentum()
            if rises > 1 and relaxation > 1:
                relaxation = 1.0
                dual.load(linear, damping, relaxation)
        before = measured.merit


def _try_step(
    problem: Problem, dual: Dual, promised: float, damping: np.ndarray
) -> tuple[Linearisation, np.ndarray, Status | None]:
    """Move if the energy falls, else damp the pixels to blame; a status if nothing helps."""
    linear = dual.linear
    step = np.ascontiguousarray(dual.xi.T, dtype=np.float64)
    step[damping >= _LARGEST_DAMPING] = 0
    ahead = linearise(problem, problem.advance(linear.x, step))
    kept_part = (linear.energy - ahead.energy) / promised
    if kept_part >= _ENOUGH:
        dual.move(ahead.x)
        if kept_part > _GOOD:
            damping = np.where(damping > _SMALLEST_DAMPING, damping / 4, 0.0)
        return ahead, damping, None
    if promised <= _ROUNDING * linear.energy:
        return linear, damping, Status.ROUNDING
    where = _culprits(problem, linear, ahead, step)
    if not (damping[where] < _LARGEST_DAMPING).any():
        return linear, damping, Status.NO_DESCENT
    more = np.clip(4 * damping, _FIRST_DAMPING, _LARGEST_DAMPING)
    return linear, np.where(where, more, damping), None


def _culprits(
    problem: Problem, linear: Linearisation, ahead: Linearisation, step: np.ndarray
) -> np.ndarray:
    """The pixels (n,) of the rows in which the energy exceeds the model by most."""
    d, where = problem.manifold.dimension, np.zeros(problem.num_pixels, bool)
    excess = []
    bounds = enumerate(zip(problem.groups[:-1], problem.groups[1:], strict=True))
    for g, (start, stop) in bounds:
        square = np.zeros(problem.num_pixels)
        for t in range(start, stop):
            term, r = problem.terms[t], linear.vectors[t].T.copy()
            for k, (pixel, own) in enumerate(zip(term.pixels, term.tangents, strict=True)):
                moved, block = step[pixel, own * d : (own + 1) * d], linear.block_index[t, k]
                if block < 0:
                    r += linear.coefficients[t, k] * moved
                else:
                    r += np.einsum("pqn,nq->np", linear.blocks[block], moved)
            square += np.sum(r**2, axis=1) * term.valid
        real = np.sqrt(np.sum(ahead.vectors[start:stop] ** 2, axis=(0, 1)))
        missed = problem.cost(g, real) - problem.cost(g, np.sqrt(square))
        excess.append(np.maximum(missed, 0))
    ranked = np.sort(np.ravel(excess))[::-1]
    total = np.cumsum(ranked)
    least = ranked[np.searchsorted(total, _MOST * total[-1])] if total[-1] > 0 else 0.0
    for g, rows in enumerate(excess):
        for t in range(problem.groups[g], problem.groups[g + 1]):
            for pixel in problem.terms[t].pixels:
                where[pixel[(rows >= least) & problem.terms[t].valid]] = True
    return where
