"""Allen-Cahn flow."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from steepest.core.numbers import check_number
from steepest.grid.differences import check_boundary, laplacian
from steepest.layers.base import LARGEST, space_axes
from steepest.layers.evolution import check_width


@dataclass(frozen=True)
class AllenCahnFlow:
    """``F(u) = diffusion Laplacian(u) - (u^3 - u) / eps^2``.

    The flow descends ``J(u) = diffusion/2 |grad u|^2 + (u^2 - 1)^2 / (4 eps^2)``: it drives values
    to the phases -1 and 1 and shortens the interfaces between them, which have width
    ``eps sqrt(diffusion)``. ``J`` is not convex, but its second derivative is at least
    ``-1/eps^2``. With ``L(u) = u - dt F(u)``, hence::

        <L(u) - L(v), u - v>  >=  (1 - dt/eps^2) |u - v|^2,

    so for ``dt < eps^2`` the implicit Euler step (the proximal step of ``J``) has a unique
    solution, and one step of `InverseEvolution`, which accepts no larger ``dt``, is its exact
    inverse. The threshold is sharp: with "neumann" or "periodic" and ``dt > eps^2``, ``L`` maps
    both constants 0 and ``sqrt(1 - eps^2/dt)`` to 0.

    Use it on phase fields with values of order 1, such as ``tanh`` of a logit. The cubic term
    makes large values diverge to infinity within a few steps, in either direction of time. The
    first call in training mode warns about this (see `InverseLayer`).

    Parameters
    ----------
    eps : float
        Between 1e-15 and 1e12; ``1/eps^2`` is the rate of the reaction.
    diffusion : float
        Zero or positive, at most 1e12. ``diffusion * dt`` is in squared pixels.
    boundary : str
        "neumann", "zero" or "periodic".

    References
    ----------
    Allen & Cahn, Acta Metallurgica 27 (1979) 1085-1095.
    """

    eps: float = 1.0
    diffusion: float = 1.0
    boundary: str = "neumann"

    def __post_init__(self) -> None:
        object.__setattr__(self, "eps", check_width(self.eps))
        rate = check_number(self.diffusion, "diffusion", most=LARGEST)
        object.__setattr__(self, "diffusion", rate)
        check_boundary(self.boundary)

    @property
    def dt_limit(self) -> float:
        """The step length below which the step can be inverted: ``eps^2``."""
        return self.eps**2

    def __call__(self, u: Tensor) -> Tensor:
        """``F(u)``, of the shape of ``u`` (N, C, *space)."""
        heat = self.diffusion * laplacian(u, space_axes(u), self.boundary)
        return heat - (u * u * u - u) / self.eps**2
