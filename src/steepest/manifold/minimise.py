"""Minimise the energy, and say what is certain about the result."""

from __future__ import annotations

from typing import Any

from ..core.progress import Reporter
from ..core.solver import Limits
from .certificate import certify
from .problem import Linearisation, Problem
from .result import ManifoldResult, ManifoldStep
from .solve import solve


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
    proof = certify(problem, solution, own.tol)
    energy = proof.linear.energy
    return ManifoldResult(
        image=to_image(problem.points(proof.linear.x)),
        energy=energy,
        gap=proof.gap,
        error_bound=proof.error_bound,
        model_gap=solution.model_gap / energy if energy > 0 else 0.0,
        largest_step=solution.largest_step,
        iterations=solution.iterations,
        status=proof.status,
    )
