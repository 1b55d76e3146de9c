"""Second differences on curved manifolds, by midpoints of geodesics.

On a line of pixels x, y, z the difference is ``2 log_y c(x, z)``, which is ``x - 2 y + z`` in R^d;
on a square it is ``2 log_c(x01, x10) c(x00, x11)``. Their derivatives take those of the midpoint,
from Jacobi fields (`midpoint_differential`).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .terms import LINE, Term


def curved_difference(
    problem: Any, term: Term, x: np.ndarray, blocks: bool
) -> tuple[np.ndarray, list[Any]]:
    """The residual (n, d) of a term of second order and, if wanted, its blocks and their norms."""
    manifold, points = problem.manifold, [x[pixel] for pixel in term.pixels]
    outer = points[0], points[-1]
    tip = problem.pointwise(manifold.midpoint, *outer)
    foot = x
    if term.kind != LINE:
        foot = problem.pointwise(manifold.midpoint, points[1], points[2])
    scale = 2 * abs(term.coefficients[0])
    vector = scale * problem.pointwise(manifold.log, foot, tip)
    if not blocks:
        return vector, []
    turn = scale * problem.pointwise(manifold.transport, foot, tip)
    ends = problem.pointwise(manifold.midpoint_differential, *outer)
    first, last = (_with_norm(turn @ end, end, scale) for end in ends)
    if term.kind == LINE:
        return vector, [first, -scale, last]
    inner = problem.pointwise(manifold.midpoint_differential, points[1], points[2])
    second, third = (_with_norm(-scale * end, end, scale) for end in inner)
    return vector, [first, second, third, last]


def _with_norm(block: np.ndarray, end: np.ndarray, scale: float) -> tuple[np.ndarray, np.ndarray]:
    """A block with an upper bound of its norm: Gershgorin's for the square of ``end``."""
    square = np.abs(np.swapaxes(end, -1, -2) @ end)
    return block, scale * np.sqrt(square.sum(axis=-1).max(axis=-1))
