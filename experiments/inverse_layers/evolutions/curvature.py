"""Curvature motion."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from steepest.grid.differences import central_difference, check_boundary, second_difference
from steepest.layers.base import space_axes
from steepest.layers.evolution import check_width


@dataclass(frozen=True)
class CurvatureFlow:
    """``F(u) = |grad u|_eps div(grad u / |grad u|_eps)`` with ``|v|_eps^2 = |v|^2 + eps^2``.

    The flow moves every level line with its curvature and so shortens outlines; its inverse
    amplifies their irregularities. Where ``|grad u|`` is below ``eps`` the motion approaches heat
    diffusion. This is not a gradient flow, but one step of `InverseEvolution` is still the inverse
    of the implicit Euler step wherever that has a unique solution. ``dt`` is in squared pixels.

    Parameters
    ----------
    eps : float
        Regularisation of the slope, between 1e-15 and 1e12, in values per pixel.
    boundary : str
        "neumann", "zero" or "periodic".

    Notes
    -----
    Computed as ``Laplacian(u) - (g^T H g) / (|g|^2 + eps^2)`` with gradient ``g`` and Hessian
    ``H``. Central differences prefer no direction, and ``F`` vanishes on linear functions.

    References
    ----------
    Osher & Sethian, J. Comput. Phys. 79 (1988) 12-49; Evans & Spruck, J. Differential Geom. 33
    (1991) 635-681, for the regularisation.
    """

    eps: float = 1.0
    boundary: str = "neumann"

    def __post_init__(self) -> None:
        object.__setattr__(self, "eps", check_width(self.eps))
        check_boundary(self.boundary)

    def __call__(self, u: Tensor) -> Tensor:
        """``F(u)``, of the shape of ``u`` (N, C, *space)."""
        axes = space_axes(u)
        slopes = [central_difference(u, axis, self.boundary) for axis in axes]
        squares = self.eps**2 + sum(g * g for g in slopes)
        laplacian, along = torch.zeros_like(u), torch.zeros_like(u)
        for i, g in enumerate(slopes):
            bend = second_difference(u, axes[i], self.boundary)
            laplacian, along = laplacian + bend, along + g * g * bend
            for j in range(i):
                mixed = central_difference(g, axes[j], self.boundary)
                along = along + 2 * g * slopes[j] * mixed
        return laplacian - along / squares
