"""Nonlinear diffusion by lagged diffusivity.

Each step solves a linear problem with the coefficients of the last image.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from ..elliptic.solve import Solution, together
from .holes import Piece
from .normalised import Masked
from .result import InpaintResult

# Solves the equation with the coefficients of an image, starting from this image, up to a relative
# residual and a maximum number of inner iterations; with 0 of them, it measures the residual.
Linearised = Callable[[float, int], Solution]

_INNER = 0.1  # inner tolerance as a share of the nonlinear residual; 0.01 saved no outer steps
_MOST = 200  # maximum number of inner iterations


def iterate(
    problem: Masked,
    pieces: Sequence[Piece],
    pose: Callable[[np.ndarray], Callable[[np.ndarray], Linearised]],
) -> InpaintResult:
    """Solve ``A(u) u = 0`` by ``A(u_k) u_{k+1} = 0`` with u given at known pixels.

    ``pose`` takes the known pixels of one of the independent ``pieces`` and returns the function
    that linearises the equation there. Each piece iterates until the whole image has converged. The
    residual is ``|A(u) u| / |b(u)|`` of the nonlinear equation over all pieces, where b is the
    contribution of the known values. If the callback stops the iteration, the image with the
    smallest residual is returned.
    """
    start, run = problem.first_guess(), problem.run
    linearise = [pose(~piece.own) for piece in pieces]
    u = [piece.take(start) for piece in pieces]
    best, least = u, math.inf
    for step in range(run.max_num_iter + 1):
        looked = [look(part) for look, part in zip(linearise, u, strict=True)]
        residual = float(together(start, [solved(0.0, 0) for solved in looked]).residual.max())
        if not residual >= least:
            best, least = u, residual
        if step > 0 and run.tell.residual(residual):
            u, residual = best, least
            break
        if residual <= run.tol or step == run.max_num_iter:
            break
        u = [solved(_INNER * residual, _MOST).image for solved in looked]
    image = start.copy()
    for piece, part in zip(pieces, u, strict=True):
        piece.put(image, part)
    return problem.result(image, residual, step)
