"""Inverse porous medium flow."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from ..core.errors import InputError
from ..core.numbers import check_number
from ..grid.differences import check_boundary, laplacian
from .base import space_axes
from .evolution import InverseEvolution
from .stability import DEFAULT_LIMIT

_LARGEST_EXPONENT = 100.0


@dataclass(frozen=True)
class PorousMediumFlow:
    """``F(u) = Laplacian(|u|^(exponent - 1) u)``."""

    exponent: float
    boundary: str = "neumann"

    def __call__(self, u: Tensor) -> Tensor:
        """``F(u)``, of the shape of ``u`` (N, C, *space)."""
        if self.exponent == 1:  # heat: the derivative of sign(u) |u| at 0 would come out as 0
            return laplacian(u, space_axes(u), self.boundary)
        # sign(u) |u|^m: unlike |u|^(m-1) u its derivative at 0 is finite, and right, for m > 1.
        return laplacian(u.sign() * u.abs().pow(self.exponent), space_axes(u), self.boundary)


class InversePorousMedium(InverseEvolution):
    """``steps`` times ``L(u) = u - dt Laplacian(|u|^(m-1) u)``: a porous medium flow backwards.

    Diffusion at the rate ``m |u|^(m-1)``: none where ``u`` is 0, much where it is large; ``m = 1``
    is heat. It is the gradient flow of ``|u|^(m+1)/(m+1)`` in the space H^-1; as that is convex,
    the implicit Euler step has one solution for any ``dt``, and the layer is its exact inverse.
    "neumann" and "periodic" keep the mean. The gain grows with the values, as ``|u|^(m-1)``: values
    above 1 overflow after a few steps, unless ``dt`` is small. The first call in training mode says
    so (`InverseEvolution`); scale logits down, or take their ``tanh``.

    Parameters
    ----------
    steps, dt, max_gain, spatial_ndim
        As in `InverseEvolution`: ``max_gain`` is the gain above which the layer warns, no cap.
    exponent : float
        ``m``, from 1 to 100. Below 2, second derivatives at values of exactly 0 are infinite.
    boundary : str
        "neumann", "zero" or "periodic".

    Raises
    ------
    InputError
        An argument out of range.

    References
    ----------
    Vazquez, The Porous Medium Equation, Oxford 2007, chapter 10.
    """

    def __init__(
        self,
        steps: int,
        dt: float,
        exponent: float = 2.0,
        boundary: str = "neumann",
        max_gain: float | None = DEFAULT_LIMIT,
        spatial_ndim: int | None = None,
    ) -> None:
        power = check_number(exponent, "exponent")
        if not 1 <= power <= _LARGEST_EXPONENT:
            raise InputError(
                f"exponent={exponent!r}; allowed is at least 1 (1 is heat) and at most "
                f"{_LARGEST_EXPONENT:g}"
            )
        operator = PorousMediumFlow(power, check_boundary(boundary))
        super().__init__(operator, steps, dt, max_gain, spatial_ndim)
