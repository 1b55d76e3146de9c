"""Inverse Allen-Cahn flow."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from ..core.errors import InputError
from ..core.numbers import check_number
from ..grid.differences import check_boundary, laplacian
from .base import LARGEST, space_axes
from .evolution import InverseEvolution, check_width
from .stability import DEFAULT_LIMIT


@dataclass(frozen=True)
class AllenCahnFlow:
    """``F(u) = diffusion Laplacian(u) - (u^3 - u) / eps^2``."""

    eps: float
    diffusion: float = 1.0
    boundary: str = "neumann"

    def __call__(self, u: Tensor) -> Tensor:
        """``F(u)``, of the shape of ``u`` (N, C, *space)."""
        heat = self.diffusion * laplacian(u, space_axes(u), self.boundary)
        return heat - (u * u * u - u) / self.eps**2


class InverseAllenCahn(InverseEvolution):
    """``steps`` times ``L(u) = u - dt (diffusion Laplacian(u) - (u^3 - u)/eps^2)``.

    The flow descends ``J(u) = diffusion/2 |grad u|^2 + (u^2 - 1)^2 / (4 eps^2)``: it drives values
    to the phases -1 and 1 and shortens the interfaces between them, which have width
    ``eps sqrt(diffusion)``. ``J`` is not convex, but its second derivative is at least
    ``-1/eps^2``. Hence::

        <L(u) - L(v), u - v>  >=  (1 - dt/eps^2) |u - v|^2,

    so for ``dt < eps^2`` the implicit Euler step (the proximal step of ``J``) has a unique
    solution, and the layer is its exact inverse. The threshold is sharp: with "neumann" or
    "periodic" and ``dt > eps^2`` the layer maps both constants 0 and ``sqrt(1 - eps^2/dt)`` to 0.

    Use it on phase fields with values of order 1, such as ``tanh`` of a logit. The cubic term
    makes large values diverge to infinity within a few steps, in either direction of time. The
    first call in training mode warns about this (see `InverseLayer`).

    Parameters
    ----------
    steps, dt, max_gain, spatial_ndim
        See `InverseEvolution`. The layer warns above the gain ``max_gain``; it does not cap it.
        ``dt`` must be below ``eps^2``.
    eps : float
        Between 1e-15 and 1e12; ``1/eps^2`` is the rate of the reaction.
    diffusion : float
        Zero or positive, at most 1e12. ``diffusion * dt`` is in squared pixels.
    boundary : str
        "neumann", "zero" or "periodic".

    Raises
    ------
    InputError
        If an argument is out of range, or ``dt >= eps^2``.

    References
    ----------
    Allen & Cahn, Acta Metallurgica 27 (1979) 1085-1095.
    """

    def __init__(
        self,
        steps: int,
        dt: float,
        eps: float = 1.0,
        diffusion: float = 1.0,
        boundary: str = "neumann",
        max_gain: float | None = DEFAULT_LIMIT,
        spatial_ndim: int | None = None,
    ) -> None:
        width = check_width(eps)
        if check_number(dt, "dt", positive=True) >= width**2:
            raise InputError(
                f"dt={dt:g}; allowed is below eps^2 = {width**2:g}: at eps^2 the layer has no "
                "Lipschitz inverse, above it no inverse at all"
            )
        rate = check_number(diffusion, "diffusion", most=LARGEST)
        operator = AllenCahnFlow(width, rate, check_boundary(boundary))
        super().__init__(operator, steps, dt, max_gain, spatial_ndim)
