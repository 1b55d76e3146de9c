"""Nonlinear diffusion by lagged diffusivity.

Each step solves a linear problem with the coefficients of the last image.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from ..core.progress import Reporter
from ..core.status import Status
from ..elliptic.solve import Solution, together
from .holes import Piece
from .normalised import Masked
from .result import InpaintResult

# How well (C, *grid) solves the equation with its own coefficients, and a function that improves
# it. The function takes the relative residual to reach and the maximum number of inner iterations,
# and returns the next image.
Linearised = tuple[Solution, Callable[[float, int], np.ndarray]]

_INNER = 0.1  # inner tolerance as a share of the nonlinear residual; 0.01 saved no outer steps
_MOST = 200  # maximum number of inner iterations


def iterate(
    problem: Masked,
    pieces: Sequence[Piece],
    pose: Callable[[np.ndarray], Callable[[np.ndarray], Linearised]],
    tol: float,
    max_num_iter: int,
    num_threads: int,
    tell: Reporter,
    raise_on_failure: bool,
) -> InpaintResult:
    """Solve ``A(u) u = 0`` by ``A(u_k) u_{k+1} = 0`` with u given at known pixels.

    ``pose`` takes the known pixels of one of the independent ``pieces`` and returns the function
    that linearises the equation there. Each piece iterates until the whole image has converged. The
    residual is ``|A(u) u| / |b(u)|`` of the nonlinear equation over all pieces, where b is the
    contribution of the known values. If the callback stops the iteration, the image with the
    smallest residual is returned.
    """
    start = problem.first_guess(num_threads)
    linearise = [pose(~piece.own) for piece in pieces]
    u = [piece.take(start) for piece in pieces]
    best, least, status = u, math.inf, None
    for step in range(max_num_iter + 1):
        looked = [look(part) for look, part in zip(linearise, u, strict=True)]
        residual = float(together(start, [now for now, _ in looked]).residual.max())
        if not residual >= least:
            best, least = u, residual
        if step > 0 and tell.residual(residual):
            u, residual, status = best, least, Status.STOPPED
            break
        if residual <= tol or step == max_num_iter:
            break
        u = [improve(_INNER * residual, _MOST) for _, improve in looked]
    image = start.copy()
    for piece, part in zip(pieces, u, strict=True):
        piece.put(image, part)
    status = status or (Status.CONVERGED if residual <= tol else Status.MAX_ITERATIONS)
    return problem.result(image, residual, step, status, raise_on_failure)
