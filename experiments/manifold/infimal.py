"""Infimal convolution of total variation of first and second order, on any manifold.

    F(x) = 1/2 sum d(x_i, f_i)^2
           + min_w  alpha sum |(2 d(c(x_i, w_j), c(x_j, w_i)))_j| + beta TV2(w)

with the midpoint c and the next pixels j of i. For real numbers the first differences are those of
``v = x - w``, so this is the infimal convolution of both orders. On a manifold, no ``v`` is needed:
the differences of two images x and w are the mixed differences of a stack of two layers, along
which there is one more axis. So the stack is an image without data in its second layer, and the
solver of the library minimises over both. ``w = x`` shows that F is at most that of second order.

Bergmann, Fitschen, Persch & Steidl, J. Math. Imaging Vis. 60 (2018) 1459-1481, take
``x = c(v, w)``. There, w moves twice as fast as x where v is constant, and midpoints on closed
geodesics jump once v and w are opposite. The differences above need w near x only.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from steepest import CombinedTotalVariation
from steepest.manifold.arguments import prepare
from steepest.manifold.denoising import start_of
from steepest.manifold.problem import Linearisation, Problem
from steepest.manifold.solve import Solution, solve
from steepest.manifold.terms import Term


@dataclass(frozen=True, eq=False)
class LayeredProblem(Problem):
    """A stack (2, \\*space) of x and w."""

    @cached_property
    def terms(self) -> tuple[Term, ...]:
        """Mixed differences along the layers and an axis, then second differences of w."""
        axes = range(1, len(self.space))
        first = [self.square(0, a, 1 / self.spacing[a]) for a in axes]
        lower = np.arange(self.num_pixels) >= self.num_pixels // 2
        second = []
        for term in self.second_differences(axes):
            pixels = np.where(lower, term.pixels, np.arange(self.num_pixels))
            second.append(replace(term, valid=term.valid & lower, pixels=pixels))
        return (*first, *second)

    @cached_property
    def groups(self) -> np.ndarray:
        count, axes = len(self.terms), len(self.space) - 1
        return np.unique([0, axes, count]) if self.isotropic else np.arange(count + 1)

    @cached_property
    def strengths(self) -> np.ndarray:
        axes = len(self.space) - 1
        return np.where(self.groups[:-1] < axes, self.alpha, self.beta).astype(float)


def infimal_convolution(
    image: np.ndarray,
    alpha: float,
    beta: float,
    manifold: Any,
    *,
    norm: str = "isotropic",
    tol: float = 1e-3,
    max_num_iter: int = 3000,
    watch: Callable[[Linearisation, float, int], bool] | None = None,
) -> tuple[np.ndarray, np.ndarray, Solution]:
    """x, w and how the solver ended, for positive weights and one thread."""
    plain, _ = prepare(
        image, 1.0, manifold, CombinedTotalVariation(alpha=alpha, beta=beta, norm=norm)
    )
    start, count = start_of(plain), plain.num_pixels
    stack = np.concatenate([plain.data, plain.data])
    problem = LayeredProblem(
        plain.manifold, stack, (2, *plain.space), (1.0, *plain.spacing), alpha, beta,
        plain.isotropic, np.arange(2 * count) < count, None, 1,
    )  # fmt: skip
    found = solve(problem, np.concatenate([start, start]), tol, max_num_iter, watch)
    x, w = found.linear.x[:count], found.linear.x[count:]
    return x.reshape(image.shape), w.reshape(image.shape), found
