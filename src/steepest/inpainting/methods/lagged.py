"""Nonlinear diffusion by lagged diffusivity.

Each step solves a linear problem with the coefficients of the last image.
"""

import math
from abc import abstractmethod
from collections.abc import Callable

import numpy as np

from ...core.progress import Reporter
from ...core.solver import Limits
from ...elliptic.solve import Solution, combine_solutions
from ..holes import HoleGroup, one_group
from ..method import Filled, Method, normalise
from ..problem import Problem

# Solves the equation with the coefficients of an image, starting from this image, up to a relative
# residual and a maximum number of inner iterations; with 0 of them, it measures the residual.
Linear = Callable[[float, int], Solution]
Linearisation = Callable[[np.ndarray], Linear]

_INNER = 0.1  # inner tolerance as a share of the nonlinear residual; 0.01 saved no outer steps
_MOST = 200  # maximum number of inner iterations


class LaggedMethod(Method):
    """A method that solves ``A(u) u = 0`` by ``A(u_k) u_{k+1} = 0``, u given at known pixels."""

    @abstractmethod
    def linearisation(self, known: np.ndarray, num_threads: int) -> Linearisation:
        """Return the function that linearises the equation at an image (C, \\*grid)."""

    def groups(self, unknown: np.ndarray) -> list[HoleGroup]:
        """Return independent parts of the image; by default there is only one."""
        return one_group(unknown)

    def fill(self, problem: Problem, limits: Limits, reporter: Reporter) -> Filled:
        """Iterate until ``|A(u) u| <= tol |b(u)|`` over all groups; b is the part of known values.

        If the callback stops the iteration, the image with the smallest residual is returned.
        """
        normal = normalise(problem)
        image = normal.first_guess(limits.threads)
        groups = self.groups(~normal.known)
        linearisations = [self.linearisation(~group.own, limits.threads) for group in groups]
        u = [group.take(image) for group in groups]
        best, least = u, math.inf
        for step in range(limits.max_num_iter + 1):
            linear = [at(part) for at, part in zip(linearisations, u, strict=True)]
            residual = float(
                combine_solutions(image, [solve(0.0, 0) for solve in linear]).residual.max()
            )
            if not residual >= least:
                best, least = u, residual
            if step > 0 and reporter.residual(residual):
                u, residual = best, least
                break
            if residual <= limits.tol or step == limits.max_num_iter:
                break
            u = [solve(_INNER * residual, _MOST).image for solve in linear]
        for group, part in zip(groups, u, strict=True):
            group.put(image, part)
        return normal.restore(image, residual, step)
