"""Diffusion inpainting of torch tensors, differentiable by an adjoint solve.

The equation is ``F(u) = c (u - f) + (1 - c) L u = 0``, where L is the negative Laplacian. For a
loss with gradient g with respect to u, the adjoint ``c a + L ((1 - c) a) = g`` gives

    gradient with respect to f:   c a
    gradient with respect to c:   -a (u - f - L u), summed over the channels.

With ``m = (1 - c) a``, the adjoint is the forward equation again, ``(c / (1 - c) + L) m = g``,
with m held at zero where c = 1. The two equations give ``c a = g - L m`` and
``c (u - f - L u) = -L u``, which are used where c >= 1/2. Elsewhere, ``a = m / (1 - c)`` and
``(1 - c) (u - f - L u) = u - f`` are used. So nothing is divided by a small number, and both
gradients hold for every c in [0, 1], including the ends.
"""

import warnings
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from ..core.errors import InputError
from ..core.solver import Limits
from ..elliptic.hierarchy import build
from ..elliptic.operator import Operator
from ..elliptic.solve import Solution, solve
from ..elliptic.watching import Watch
from .problem import Problem, grid_of, unit_of
from .result import status_of
from .steady_state import equation, fill


def diffuse(
    problem: Problem, limits: Limits, watch: Watch | None = None
) -> tuple[Tensor, Solution]:
    """Fill (C, *space) and keep what its gradient needs.

    The adjoint equation is solved completely even if ``watch`` has stopped the forward solve.
    """
    tracked = problem.tracked
    if tracked is not None and problem.missing is not None and problem.missing.any():
        raise InputError(
            "known requires grad, so the image must be finite everywhere: its values at unknown "
            "pixels enter the gradient"
        )
    found: list[Solution] = []
    filled = _Diffuse.apply(problem.values, tracked, problem, limits, found, watch)
    return filled, found[0]


class _Diffuse(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        values: Tensor,
        confidence: Tensor | None,
        problem: Problem,
        limits: Limits,
        found: list[Solution],
        watch: Watch | None,
    ) -> Tensor:
        f = values.detach().cpu().double().numpy()
        solution = fill(f, problem.confidence, problem.spacing, watch=watch, **limits.options)
        found.append(solution)
        ctx.solved = f, solution.image, problem, limits
        return torch.as_tensor(solution.image, dtype=values.dtype, device=values.device)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Any:
        both = _adjoint(gradient, *ctx.solved)
        made = [torch.as_tensor(a, device=gradient.device).to(gradient.dtype) for a in both]
        needs = ctx.needs_input_grad
        return made[0] if needs[0] else None, made[1] if needs[1] else None, None, None, None, None


def _adjoint(
    gradient: Tensor, f: np.ndarray, u: np.ndarray, problem: Problem, limits: Limits
) -> tuple[np.ndarray, np.ndarray]:
    """Return the gradients with respect to f (C, \\*space) and c (\\*space)."""
    space = u.shape[1:]
    grid = grid_of(space)
    spacing = problem.spacing if len(space) > 1 else (1.0, *problem.spacing)
    operator, excess, _ = equation(problem.confidence.reshape(grid), spacing)
    g = gradient.cpu().double().numpy()
    g, f, u = (array.reshape(-1, *grid) for array in (g, f, u))
    m = _solve_adjoint(operator, np.where(operator.active, g, 0), limits)
    laplacian = Operator(np.zeros(grid), operator.weights)
    at_known = g - laplacian.apply(m)
    c = problem.confidence.reshape(grid).astype(np.float64)
    known = c >= 0.5
    by_values = np.where(known, at_known, 0 if excess is None else excess * m)
    rest, c = np.where(known, 1, 1 - c), np.where(known, c, 1)
    by_confidence = np.where(known, at_known * laplacian.apply(u) / c**2, -m * (u - f) / rest**2)
    return by_values.reshape(-1, *space), by_confidence.sum(0).reshape(space)


def _solve_adjoint(operator: Operator, right: np.ndarray, limits: Limits) -> np.ndarray:
    """Solve the adjoint equation, NaN where it is not finite; warn if the tolerance is not met."""
    unit = unit_of(right)
    solution = solve(build(operator), np.zeros_like(right), right / unit, **limits.options)
    residual, count = float(solution.residual.max()), int(solution.iterations.max())
    if not status_of(residual, count, limits).ok:
        warnings.warn(
            f"steepest: a gradient was not converged after {count} iterations",
            RuntimeWarning,
            stacklevel=2,
        )
    finite = np.isfinite(right).all(tuple(range(1, right.ndim)), keepdims=True)
    return np.where(finite, unit * solution.image, np.nan)
