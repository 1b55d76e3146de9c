"""Porous medium flow."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from steepest.core.numbers import check_number
from steepest.grid.differences import check_boundary, laplacian
from steepest.layers.base import space_axes

_LARGEST_EXPONENT = 100.0


@dataclass(frozen=True)
class PorousMediumFlow:
    """``F(u) = Laplacian(|u|^(m-1) u)`` with the exponent ``m``.

    The flow diffuses at the rate ``m |u|^(m-1)``: not at all where ``u`` is 0, fast where it is
    large. ``m = 1`` is heat diffusion. It is the gradient flow of the convex energy
    ``|u|^(m+1)/(m+1)`` in the space H^-1, so the implicit Euler step has a unique solution for any
    ``dt``, and one step of `InverseEvolution` is its exact inverse. "neumann" and "periodic" keep
    the mean.

    The gain grows with the values, as ``|u|^(m-1)``: unless ``dt`` is small, values above 1
    overflow after a few steps. The first call in training mode warns about this (see
    `InverseLayer`). Scale the logits down, or apply ``tanh`` to them.

    Parameters
    ----------
    exponent : float
        ``m``, from 1 to 100. Between 1 and 2, second derivatives at the value 0 are infinite.
    boundary : str
        "neumann", "zero" or "periodic".

    References
    ----------
    Vazquez, The Porous Medium Equation, Oxford 2007, chapter 10.
    """

    exponent: float = 2.0
    boundary: str = "neumann"

    def __post_init__(self) -> None:
        power = check_number(self.exponent, "exponent", least=1, most=_LARGEST_EXPONENT)
        object.__setattr__(self, "exponent", power)
        check_boundary(self.boundary)

    def __call__(self, u: Tensor) -> Tensor:
        """``F(u)``, of the shape of ``u`` (N, C, *space)."""
        if self.exponent == 1:  # autograd would give sign(u) |u| the derivative 0 at 0
            return laplacian(u, space_axes(u), self.boundary)
        # sign(u) |u|^m: for m > 1 its autograd derivative at 0 is right; |u|^(m-1) u may give NaN.
        return laplacian(u.sign() * u.abs().pow(self.exponent), space_axes(u), self.boundary)
