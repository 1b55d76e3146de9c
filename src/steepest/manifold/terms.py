"""The differences of neighbouring points whose norms add up to the energies.

On curved manifolds, second differences are taken by midpoints c of geodesics: on a line of pixels
x, y, z the difference is ``2 log_y c(x, z)``, which is ``x - 2 y + z`` in R^d; on a square it is
``2 log_c(x01, x10) c(x00, x11)``. Their derivatives take those of the midpoint, from Jacobi fields
(`midpoint_differential`).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

EDGE, LINE, SQUARE = "edge", "line", "square"
SLOPE, BEND = "slope", "bend"  # of total generalised variation


@dataclass(frozen=True, eq=False)
class Term:
    """One difference of K points per pixel i, divided by powers of the spacing.

    ``pixels`` (K, n) are those of the points; where one would lie beyond the image, ``valid`` (n,)
    is False and all are i. ``offsets`` are the pixels minus i, and ``coefficients`` the factors on
    a flat manifold. ``tangents`` are 0 for the step of the point, then for its slopes.
    """

    kind: str
    offsets: tuple[int, ...]
    coefficients: tuple[float, ...]
    pixels: np.ndarray
    valid: np.ndarray
    tangents: tuple[int, ...]


def is_first(term: Term) -> bool:
    """Whether a term is of first order."""
    return term.kind in (EDGE, SLOPE)


def flat_difference(problem: Any, term: Term, x: np.ndarray) -> np.ndarray:
    """The residual of a term on a flat manifold: differences of logarithms are wrapped once more.

    On the circle this is the absolute second difference modulo 2 pi, as in Bergmann, Laus, Steidl &
    Weinmann, SIAM J. Imaging Sci. 7 (2014) 2916-2953.
    """
    manifold, pixels = problem.manifold, term.pixels
    if term.kind == EDGE:
        return term.coefficients[1] * problem.pointwise(manifold.log, x, x.take(pixels[1], 0))
    if term.kind == LINE:
        centre = x
        total = problem.pointwise(manifold.log, x, x.take(pixels[0], 0))
        total += problem.pointwise(manifold.log, x, x.take(pixels[2], 0))
    else:
        centre = x.take(pixels[1], 0)
        total = problem.pointwise(manifold.log, centre, x.take(pixels[0], 0))
        total += problem.pointwise(manifold.log, x.take(pixels[2], 0), x.take(pixels[3], 0))
    ahead = problem.pointwise(manifold.exp, centre, total)
    return term.coefficients[0] * problem.pointwise(manifold.log, centre, ahead)


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


def frames(problem: Any, term: Term, x: np.ndarray) -> np.ndarray:
    """The points in whose tangent spaces the residuals and the flux of a term live."""
    if term.kind != SQUARE:
        return x
    pixels = term.pixels
    return np.asarray(
        problem.pointwise(problem.manifold.midpoint, x.take(pixels[1], 0), x.take(pixels[2], 0))
    )
