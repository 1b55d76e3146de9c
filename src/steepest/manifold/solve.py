"""Prox-linear steps: solve the model in the tangent spaces, move along it, and check the energy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..convex.solve import RELAXATION, Momentum
from ..core.status import Status
from .dual import Dual
from .problem import Linear, Problem, linearise

_PART = 0.25  # a model is solved to this part of the progress that it promises
_ENOUGH = 1e-4  # part of the promised progress that a step must make
_FIRST_DAMPING, _LARGEST_DAMPING, _SMALLEST_DAMPING = 0.5, 1e6, 1e-2
_SINGLE = 2e-6  # relative tolerance above which the flux is in float32


@dataclass(frozen=True, eq=False)
class Solution:
    """The last point, its model and flux, and how the solver ended."""

    linear: Linear
    flux: np.ndarray
    model_gap: float
    largest_step: float
    num_iter: int
    status: Status


def solve(
    problem: Problem,
    x: np.ndarray,
    tol: float,
    max_num_iter: int,
    watch: Callable[[Linear, float, int], bool] | None = None,
) -> Solution:
    """Minimise the energy from x until ``F(x) - dual <= tol F(x)``, the dual of the model at x.

    ``watch(linear, relative_gap, iterations)`` is called before every step and stops the solver
    by returning True.
    """
    dual = Dual(problem, np.float32 if tol >= _SINGLE else np.float64)
    linear = linearise(problem, x)
    momentum, relaxation = Momentum(), RELAXATION
    damping, done, rises, before = 0.0, 0, 0, -np.inf
    dual.load(linear, damping, relaxation)
    measured = dual.measure()
    while True:
        gap = max(linear.energy - measured.dual, 0.0)
        status = None
        if gap <= tol * linear.energy:
            status = Status.CONVERGED
        elif done >= max_num_iter:
            status = Status.MAX_ITERATIONS
        promised = linear.energy - measured.model
        ready = promised > 0 and measured.gap <= _PART * promised
        if (ready or status is not None) and watch is not None:
            if watch(linear, gap / linear.energy if linear.energy > 0 else 0.0, done):
                status = status or Status.STOPPED
        if status is not None:
            return Solution(linear, dual.phi, gap, measured.largest, done, status)
        if ready:
            step = np.ascontiguousarray(dual.xi.T, dtype=np.float64)
            ahead = linearise(problem, problem.spread(problem.manifold.exp, linear.x, step))
            if ahead.energy <= linear.energy - _ENOUGH * promised:
                dual.move(ahead.x)
                linear = ahead
                damping = damping / 4 if damping > _SMALLEST_DAMPING else 0.0
            elif damping < _LARGEST_DAMPING:
                damping = max(4 * damping, _FIRST_DAMPING)
            else:
                return Solution(linear, dual.phi, gap, measured.largest, done, Status.ROUNDING)
            dual.load(linear, damping, relaxation)
            before = -np.inf
        count = min(max(8, done // 8), 64, max(max_num_iter - done, 1))
        betas, t = momentum.factors(count)
        dual.run(betas)
        done += count
        momentum = Momentum(t)
        measured = dual.measure()
        if measured.merit < before:
            dual.restart()
            momentum = Momentum()
            rises += 1
            if rises > 1 and relaxation > 1:
                relaxation = 1.0
                dual.load(linear, damping, relaxation)
        else:
            rises = 0
        before = measured.merit
