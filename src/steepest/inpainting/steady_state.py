"""The equation of diffusion inpainting on prepared arrays, and its solution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.status import Status
from ..elliptic.arrays import solve_near
from ..elliptic.operator import Operator
from ..elliptic.solve import Solution
from ..elliptic.watching import Watch
from .problem import grid_of, unit_of

_ROUNDING = 1e-3  # a relative residual above is not put down to rounding


def equation(
    confidence: np.ndarray, spacing: Sequence[float]
) -> tuple[Operator, np.ndarray | None, np.ndarray | None]:
    """The operator of diffusion inpainting, its excess where finite, and 1 - c.

    Divided by ``1 - c``, the equation is ``(d - Laplacian) u = d f`` with ``d = c / (1 - c)``:
    symmetric. The residual is multiplied by ``1 - c``, so that it is that of the equation.
    Both arrays are None for Boolean masks, where d is zero or infinite.
    """
    weights = tuple(1 / h**2 for h in spacing)
    if confidence.dtype == bool:
        return Operator(np.where(confidence, np.inf, 0.0), weights), None, None
    with np.errstate(divide="ignore"):
        excess = confidence / (1 - confidence)
    return Operator(excess, weights), np.where(np.isinf(excess), 0, excess), 1 - confidence


def fill(
    values: np.ndarray,
    confidence: np.ndarray,
    spacing: Sequence[float],
    tol: float = 1e-6,
    *,
    max_num_iter: int = 200,
    num_threads: int = 1,
    start: np.ndarray | None = None,
    near: Any = None,
    watch: Watch | None = None,
) -> Solution:
    """`inpaint` on prepared arrays: (C, \\*space) values, Boolean or float64 confidence (\\*space).

    ``start`` (C, \\*space) is a first guess at unknown pixels (default: the mean of what is known,
    which is near the solution where confidences are tiny). The solution is in float64. ``near`` is
    a tensor on whose device to compute, or None; ``watch`` as in `steepest.elliptic.solve.solve`.
    """
    values = np.asarray(values, np.float64)
    unit = unit_of(values, confidence > 0)
    values = values / unit
    space = values.shape[1:]
    grid = grid_of(space)
    spacing = tuple(spacing) if len(space) > 1 else (1.0, *spacing)
    operator, excess, scale = equation(confidence.reshape(grid), spacing)
    values = values.reshape(-1, *grid)
    # The mean solves its own part: without it, the residual is the same for f and f + 1000.
    mean = _mean(values, confidence)
    rest = values - mean
    right = None if excess is None else excess * rest
    guess = 0.0 if start is None else np.reshape(start, values.shape) / unit - mean
    solution = solve_near(
        near, operator, np.where(operator.active, guess, rest), right, scale,
        tol=tol, max_num_iter=max_num_iter, num_threads=num_threads, watch=watch,
    )  # fmt: skip
    filled = unit * np.where(operator.active, solution.image + mean, values)
    return Solution(filled.reshape(-1, *space), solution.residual, solution.iterations)


def outcome(solution: Solution, tol: float, max_num_iter: int, stopped: bool = False) -> Status:
    """Whether all right-hand sides met the tolerance, and if not, why."""
    if stopped:
        return Status.STOPPED
    if solution.residual.max() <= tol:
        return Status.CONVERGED
    if solution.iterations.max() >= max_num_iter:
        return Status.MAX_ITERATIONS
    return Status.ROUNDING if solution.residual.max() <= _ROUNDING else Status.ACCURACY_NOT_MET


def _mean(values: np.ndarray, confidence: np.ndarray) -> np.ndarray:
    """Weighted means of the channels, to broadcast against them."""
    weights = confidence.ravel() / confidence.sum()
    means = values.reshape(len(values), -1) @ weights
    return means.reshape(-1, *(1,) * (values.ndim - 1))
