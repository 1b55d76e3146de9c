"""Nonlinear diffusion by lagged diffusivity: linear problems with the last image's coefficients."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from ..core.progress import Reporter
from ..core.status import Status

# The residual of (C, *space) with its own coefficients, and what improves it: from the relative
# residual and the number of inner iterations allowed to the next image.
Linearised = tuple[float, Callable[[float, int], np.ndarray]]

_INNER = 0.1  # of the nonlinear residual: a hundredth saved no outer steps
_MOST = 200  # inner iterations


def iterate(
    linearise: Callable[[np.ndarray], Linearised],
    u: np.ndarray,
    tol: float,
    max_num_iter: int,
    tell: Reporter,
) -> tuple[np.ndarray, float, int, Status]:
    """Solve ``A(u) u = 0`` by ``A(u_k) u_{k+1} = 0``, u given at known pixels.

    Returned are (C, \\*space), the residual ``|A(u) u| / |b(u)|`` of the nonlinear equation, where
    b is what known values contribute, the number of linear problems, and whether ``tol`` was met;
    where the callback has stopped it, the image of the smallest residual.
    """
    best, least = u, math.inf
    for step in range(max_num_iter + 1):
        residual, improve = linearise(u)
        if not residual >= least:
            best, least = u, residual
        if step > 0 and tell.residual(residual):
            return best, least, step, Status.STOPPED
        if residual <= tol or step == max_num_iter:
            break
        u = improve(_INNER * residual, _MOST)
    status = Status.CONVERGED if residual <= tol else Status.MAX_ITERATIONS
    return u, residual, step, status
