"""The equation of diffusion inpainting on prepared arrays, and its solution."""

from collections.abc import Sequence

import numpy as np

from ..elliptic.hierarchy import build
from ..elliptic.operator import Operator
from ..elliptic.solve import Equation, Solution, combine_solutions, solve_each
from ..elliptic.watching import Watch
from .holes import HoleGroup, group_holes
from .problem import grid_of, unit_of


def equation(
    confidence: np.ndarray, spacing: Sequence[float]
) -> tuple[Operator, np.ndarray | None, np.ndarray | None]:
    """Return the operator of diffusion inpainting, its excess where finite, and 1 - c.

    Divided by ``1 - c``, the equation is the symmetric ``(d - Laplacian) u = d f`` with ``d = c /
    (1 - c)``. Both arrays are None for Boolean masks, where d is zero or infinite.
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
    watch: Watch | None = None,
) -> Solution:
    """Run `inpaint` on prepared arrays, in float64; ``watch`` is that of `elliptic.solve.solve`.

    ``start`` (C, *space) is a first guess at unknown pixels, by default the mean of the known
    values: that is close to the solution where confidences are tiny.
    """
    given = np.asarray(values, np.float64)
    unit = unit_of(given, confidence > 0)
    space = given.shape[1:]
    grid = grid_of(space)
    spacing = tuple(spacing) if len(space) > 1 else (1.0, *spacing)
    confidence = confidence.reshape(grid)
    values = (given / unit).reshape(-1, *grid)
    # Constants solve the equation. Subtract the mean so that f and f + 1000 have the same residual.
    mean = _mean(values, confidence)
    guess = None if start is None else np.reshape(start, values.shape) / unit - mean

    def arguments(
        group: HoleGroup,
    ) -> tuple[Operator, np.ndarray, np.ndarray | None, np.ndarray | None]:
        given = group.take(confidence)
        alone = ~group.own if given.dtype == bool else np.where(group.own, given, 1.0)
        operator, excess, scale = equation(alone, spacing)
        rest = np.where(given > 0, group.take(values) - mean, 0)
        first = np.where(operator.active, 0.0 if guess is None else group.take(guess), rest)
        return operator, first, None if excess is None else excess * rest, scale

    groups = group_holes(confidence < 1, 1)
    equations = [Equation(build(a), b, c, d) for a, b, c, d in map(arguments, groups)]
    solutions = solve_each(
        equations, tol=tol, max_num_iter=max_num_iter, num_threads=num_threads, watch=watch
    )
    filled = values.copy()
    for group, part in zip(groups, solutions, strict=True):
        group.put(filled, part.image + mean)
    return combine_solutions((unit * filled).reshape(-1, *space), solutions)


def _mean(values: np.ndarray, confidence: np.ndarray) -> np.ndarray:
    """Return the weighted means of the channels, in a shape that broadcasts against the values."""
    total = np.einsum("cp,p->c", values.reshape(len(values), -1), confidence.ravel())
    return (total / confidence.sum()).reshape(-1, *(1,) * (values.ndim - 1))
