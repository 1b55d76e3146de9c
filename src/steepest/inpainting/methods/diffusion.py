"""Homogeneous diffusion inpainting: the steady state of diffusion from the known pixels."""

from dataclasses import dataclass

from ...core.namespace import cast, is_torch
from ...core.progress import Reporter
from ...core.solver import Limits
from ..method import Filled, Method
from ..problem import Problem
from ..steady_state import fill


@dataclass(frozen=True)
class Diffusion(Method):
    """Homogeneous diffusion, the default method of `inpaint`.

    Solves ``-Laplacian u = 0`` at unknown pixels with ``u = image`` at known pixels. If ``known``
    holds confidences c in [0, 1], the equation is ``c (u - image) - (1 - c) Laplacian u = 0`` at
    every pixel. The Laplacian has 5 points (7 in a volume) and reflecting boundaries.

    Notes
    -----
    The residual is ``|b - A u| / |b|``, computed in float64 from the solution, where b is the
    contribution of the known pixels after their mean is subtracted. ``tol`` is 1e-6 by default, and
    ``max_num_iter`` 200. About 7 iterations reach 1e-6, regardless of the mask and the image size.
    The result obeys the maximum principle up to the tolerance.

    The solver takes a fixed number of operations per pixel (docs/inpainting_methods).

    For torch tensors, the result is differentiable with respect to ``image`` and to confidences. If
    the adjoint equation of the gradient is not solved to ``tol`` within ``max_num_iter``
    iterations, a RuntimeWarning is issued.

    References
    ----------
    Mainberger et al., SSVM 2011; Peter, arXiv:2210.10013, Section 3.
    """

    tol, max_num_iter = 1e-6, 200
    takes = frozenset({"spacing", "confidences", "tensors"})

    def fill(self, problem: Problem, limits: Limits, reporter: Reporter) -> Filled:
        """Solve the equation."""
        if is_torch(problem.values):
            from ..implicit import diffuse

            image, solution = diffuse(problem, limits, reporter.watch)
            return Filled.by(solution, image)
        given = problem.values, problem.confidence, problem.spacing
        solution = fill(*given, **limits.options, watch=reporter.watch)
        return Filled.by(solution, cast(solution.image, problem.values.dtype))
