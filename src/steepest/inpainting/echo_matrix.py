"""The linear map from values at a mask to their inpainting; its columns are the echoes."""

from dataclasses import dataclass

import numpy as np

from ..elliptic.hierarchy import Hierarchy, build
from ..elliptic.operator import Operator
from ..elliptic.solve import solve
from .problem import grid_of


@dataclass(frozen=True, eq=False)
class EchoMatrix:
    """B and its adjoint on float64 arrays like ``held``, each by one multigrid solve.

    Values are zero outside ``held``; ``accuracy`` is the relative residual of the solve.
    """

    hierarchy: Hierarchy
    held: np.ndarray

    def apply(self, values: np.ndarray, accuracy: float) -> np.ndarray:
        """Compute ``B g``, the inpainting from the values at the mask; others are not read."""
        # Constants solve the equation. Subtract the mean so that g and g + 1000 have the same
        # residual.
        mean = values[self.held].mean()
        start = np.where(self.held, values - mean, 0)[None]
        filled = solve(self.hierarchy, start, tol=accuracy).image[0]
        return np.where(self.held, values, filled + mean)

    def adjoint(self, image: np.ndarray, accuracy: float) -> np.ndarray:
        """Compute ``B^T r``: at each mask pixel, the inner product of its echo with an image."""
        right = np.where(self.held, 0, image)[None]
        m = solve(self.hierarchy, np.zeros_like(right), right, tol=accuracy).image[0]
        return np.where(self.held, image + self.hierarchy.operator.couple(m), 0)


def echo_matrix(mask: np.ndarray) -> EchoMatrix:
    """Return B for a Boolean mask (\\*space) and the Laplacian of `inpaint` with spacing 1."""
    held = mask.reshape(grid_of(mask.shape))
    operator = Operator(np.where(held, np.inf, 0.0), (1.0,) * held.ndim)
    return EchoMatrix(build(operator), held)
