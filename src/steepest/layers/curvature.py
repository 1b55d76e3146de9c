"""Inverse curvature motion."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..grid.differences import central_difference, check_boundary, second_difference
from .base import space_axes
from .evolution import InverseEvolution, check_width
from .stability import DEFAULT_LIMIT


@dataclass(frozen=True)
class CurvatureFlow:
    """``F(u) = |grad u|_eps div(grad u / |grad u|_eps)`` with ``|v|_eps^2 = |v|^2 + eps^2``.

    Equivalently ``Laplacian(u) - (g^T H g) / (|g|^2 + eps^2)`` with gradient ``g`` and Hessian
    ``H``. Central differences prefer no direction, and ``F`` vanishes on linear functions.
    """

    eps: float
    boundary: str = "neumann"

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


class InverseCurvature(InverseEvolution):
    """``steps`` times ``L(u) = u - dt |grad u| div(grad u / |grad u|)``: curvature motion reversed.

    The forward flow moves every level line with its curvature and so shortens outlines; the layer
    amplifies their irregularities. ``|grad u|`` is regularised as ``sqrt(|grad u|^2 + eps^2)``;
    where ``|grad u|`` is below ``eps`` the motion approaches heat diffusion. This is not a
    gradient flow, but one layer is still the inverse of the implicit Euler step wherever that step
    has a unique solution.

    Parameters
    ----------
    steps, dt, max_gain, spatial_ndim
        See `InverseEvolution`. The layer warns above the gain ``max_gain``; it does not cap it.
        ``dt`` is in squared pixels.
    eps : float
        Regularisation of the slope, between 1e-15 and 1e12, in values per pixel.
    boundary : str
        "neumann", "zero" or "periodic".

    Raises
    ------
    InputError
        If an argument is out of range.

    References
    ----------
    Osher & Sethian, J. Comput. Phys. 79 (1988) 12-49; Evans & Spruck, J. Differential Geom. 33
    (1991) 635-681, for the regularisation.
    """

    def __init__(
        self,
        steps: int,
        dt: float,
        eps: float = 1.0,
        boundary: str = "neumann",
        max_gain: float | None = DEFAULT_LIMIT,
        spatial_ndim: int | None = None,
    ) -> None:
        operator = CurvatureFlow(check_width(eps), check_boundary(boundary))
        super().__init__(operator, steps, dt, max_gain, spatial_ndim)
