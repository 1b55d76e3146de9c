"""Total variation inpainting with a certificate: a relative duality gap."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..convex.total_variation import TotalVariation
from ..core.progress import Callback
from ..elliptic.hierarchy import build
from ..elliptic.operator import Operator
from ..elliptic.solve import solve
from ..grid.differences import divergence
from .checks import check_iteration
from .normalised import Masked, masked
from .result import InpaintResult

_PENALTY = 10.0  # for values of range 1; best or nearly best of 3, 10, 30 on all masks tried
_FIRST_FLUX = 0.05  # the first flux is a unit vector where the gradient is at least this
_FLAT = 1e-12  # above it, the first field for the bound is a unit vector: exact for full masks
_RELAXATION = 1.8
_INNER = 2  # conjugate gradient iterations per step; a third saves no steps
_LOOK_EVERY = 10


def total_variation(
    image: Any,
    known: Any = None,
    *,
    unknown: Any = None,
    channel_axis: int | None = None,
    tol: float = 1e-3,
    max_num_iter: int = 2000,
    on_step: Callback | None = None,
    num_threads: int | None = None,
    raise_on_failure: bool = False,
) -> InpaintResult:
    """Fill in the unknown pixels with minimal total variation.

    Minimises ``J(u) = sum |grad u|`` subject to ``u = image`` at known pixels, with J as in
    `steepest.total_variation`: forward differences, isotropic, channels coupled. The minimiser need
    not be unique (between two known values, every monotone profile is a minimiser), but J of the
    result is certified. Values stay in the range of the known values.

    Parameters
    ----------
    image, known, unknown, channel_axis
        As in `inpaint`, but only NumPy arrays with one to three spatial axes, and no confidences.
        Known pixels are kept exactly.
    tol : float
        Relative duality gap at which the iteration stops.
    max_num_iter : int
        Maximum number of iterations; 50 to 300 reach 1e-3.
    on_step : callable, optional
        Called with a `Progress` after each iteration; its residual is the gap, which is updated
        every ten iterations. If it returns True, the iteration stops and the image with the
        smallest total variation so far is returned.
    num_threads, raise_on_failure
        As in `inpaint`.

    Returns
    -------
    InpaintResult
        ``residual`` is the relative duality gap ``(J(u) - D) / J(u)``. The exact minimum lies
        between D and J(u), up to the rounding of u to its dtype.

    Raises
    ------
    InputError
        If the image or the mask is invalid, or the image is a torch tensor.
    NotConverged
        If the tolerance is not met and ``raise_on_failure`` is True.

    Notes
    -----
    The solver is the alternating direction method of multipliers (ADMM), over-relaxed by 1.8. With
    d in place of ``grad u``, each iteration solves a Poisson equation with the mask for u (two
    multigrid-preconditioned conjugate gradient iterations from the previous u) and updates d by
    shrinkage. Lagged diffusivity took three times as long to reach a gap of 1e-2.

    The lower bound follows from duality. Some minimiser lies in the box given by the ranges of the
    known values, because clipping does not increase J. So for every field p with ``|p| <= 1`` and
    every such minimiser u, ``J(u) >= <grad u, p> = -<u, div p> >= D(p)``. D(p) uses the known
    values and, at each unknown pixel, the end of the range that makes it smallest. The field p is
    the multiplier after the Poisson step, projected onto ``|p| <= 1``. Before the projection, its
    divergence at unknown pixels is nearly zero.

    References
    ----------
    Chan & Shen, SIAM J. Applied Mathematics 62 (2002) 1019-1043 (the model); Goldstein & Osher,
    SIAM J. Imaging Sciences 2 (2009) 323-343; Boyd et al., 2011 (the method).
    """
    run = check_iteration(tol, max_num_iter, on_step, num_threads, raise_on_failure)
    problem = masked(image, known, unknown, channel_axis, run)
    best, iterations = _minimise(problem)
    return problem.result(best.image, best.gap, iterations)


@dataclass(eq=False)
class Best:
    """The image with the smallest total variation so far, and the largest lower bound."""

    problem: Masked
    functional: TotalVariation
    image: np.ndarray
    value: float = np.inf
    bound: float = 0.0

    def __post_init__(self) -> None:
        given = self.problem.values[:, self.problem.known]
        shape = (-1, *(1,) * self.problem.known.ndim)
        self.low, self.high = given.min(1).reshape(shape), given.max(1).reshape(shape)

    @property
    def gap(self) -> float:
        """The duality gap relative to the value; 0 for an image without variation."""
        return max(self.value - self.bound, 0.0) / self.value if self.value > 0 else 0.0

    def see(self, u: np.ndarray, p: np.ndarray) -> None:
        """Clip an image and project a field; keep each if it improves on the best so far."""
        clipped = np.clip(u, self.low, self.high)
        value = self.functional.value(clipped)
        if value < self.value:
            self.image, self.value = clipped, value
        self.bound = max(self.bound, self.lower_bound(self.functional.project(p)))

    def lower_bound(self, p: np.ndarray) -> float:
        """Compute D(p) for ``|p| <= 1``, a lower bound of the minimal total variation."""
        d = divergence(p, self.functional.steps)
        least = np.maximum(self.low * d, self.high * d)
        return -float(np.where(self.problem.known, self.problem.values * d, least).sum())


def _minimise(problem: Masked) -> tuple[Best, int]:
    spacing = (1.0,) * problem.known.ndim
    functional = TotalVariation(spacing=spacing)
    hierarchy = build(Operator(np.where(problem.known, np.inf, 0.0), spacing))
    u, run = problem.first_guess(), problem.run
    inner: Any = {"tol": 1e-10, "max_num_iter": _INNER, "num_threads": run.num_threads}
    best = Best(problem, functional, u)
    d = functional.operator(u)
    multiplier = functional.project(d / _FIRST_FLUX)
    best.see(u, d / _FLAT)
    for iteration in range(run.max_num_iter):
        if best.gap <= run.tol or run.tell.stopped:
            return best, iteration
        right = divergence(multiplier / _PENALTY - d, spacing)
        u = solve(hierarchy, u, right, **inner).image
        slopes = functional.operator(u)
        last = iteration == run.max_num_iter - 1
        looked = iteration % _LOOK_EVERY == _LOOK_EVERY - 1 or last
        if looked:
            best.see(u, multiplier + _PENALTY * (slopes - d))
        if run.tell.residual(best.gap) and not looked:
            best.see(u, multiplier + _PENALTY * (slopes - d))
        total = multiplier + _PENALTY * (_RELAXATION * slopes + (1 - _RELAXATION) * d)
        # Shrinkage is the remainder of the projection.
        multiplier = functional.project(total)
        d = (total - multiplier) / _PENALTY
    return best, run.max_num_iter
