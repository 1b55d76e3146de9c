"""Advection-diffusion-reaction flow."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from steepest.core.errors import InputError
from steepest.core.numbers import check_choice, check_number, check_numbers
from steepest.grid.differences import (
    backward_difference,
    central_difference,
    check_boundary,
    forward_difference,
    laplacian,
)
from steepest.layers.base import LARGEST, space_axes

SCHEMES = ("upwind", "central")


@dataclass(frozen=True)
class AdvectionDiffusionReactionFlow:
    """``F(u) = diffusion Laplacian(u) - velocity . grad u + reaction(u)``.

    The flow transports values with ``velocity``, blurs them, and changes them by ``reaction``. One
    step of `InverseEvolution` is the exact inverse of the implicit Euler step wherever that has a
    unique solution: for any ``dt`` if there is no reaction or the reaction does not increase in
    ``u``, and for ``dt < 1/k`` if the slope of the reaction is at most ``k``. With scheme
    "central" and boundary "neumann" this also needs ``diffusion >= |velocity_a| / 2``.

    The "upwind" scheme keeps the implicit step monotone, but adds a diffusion of
    ``|velocity_a| / 2`` along axis ``a``. The "central" scheme is of second order.

    Parameters
    ----------
    velocity : sequence of floats
        One number per spatial axis (one to three), in pixels per unit of time, of magnitude at
        most 1e12. Its length sets the number of spatial axes.
    diffusion : float
        Zero or positive, at most 1e12, in squared pixels per unit of time.
    reaction : callable or None
        ``u -> r(u)``, elementwise and differentiable, such as ``lambda u: u * (1 - u)``.
    scheme : str
        "upwind" or "central".
    boundary : str
        "neumann", "zero" or "periodic".

    References
    ----------
    Hundsdorfer & Verwer, Numerical Solution of Time-Dependent Advection-Diffusion-Reaction
    Equations, Springer 2003, chapter I.
    """

    velocity: Sequence[float]
    diffusion: float = 1.0
    reaction: Callable[[Tensor], Tensor] | None = None
    scheme: str = "upwind"
    boundary: str = "neumann"

    def __post_init__(self) -> None:
        speeds = check_numbers(self.velocity, "velocity")
        if speeds.ndim != 1 or not 1 <= speeds.size <= 3 or not np.all(np.abs(speeds) <= LARGEST):
            raise InputError(
                f"velocity={self.velocity!r}; allowed is a sequence of one number per spatial axis "
                f"(one to three), of magnitude at most {LARGEST:g}"
            )
        object.__setattr__(self, "velocity", tuple(speeds.tolist()))
        rate = check_number(self.diffusion, "diffusion", most=LARGEST)
        object.__setattr__(self, "diffusion", rate)
        if self.reaction is not None and not callable(self.reaction):
            raise InputError(
                f"reaction={self.reaction!r}; allowed is a callable u -> r(u), or None"
            )
        check_choice(self.scheme, "scheme", SCHEMES)
        check_boundary(self.boundary)

    @property
    def spatial_ndim(self) -> int:
        """The number of spatial axes: that of the components of the velocity."""
        return len(self.velocity)

    def __call__(self, u: Tensor) -> Tensor:
        """``F(u)``, of the shape of ``u`` (N, C, *space)."""
        if len(self.velocity) != u.ndim - 2:
            raise InputError(
                f"velocity={self.velocity}; allowed is one number per spatial axis: u has shape "
                f"{tuple(u.shape)}, so {u.ndim - 2}"
            )
        change = self.diffusion * laplacian(u, space_axes(u), self.boundary)
        for speed, axis in zip(self.velocity, space_axes(u), strict=True):
            if speed != 0:
                change = change - speed * self._slope(u, axis, speed)
        return change if self.reaction is None else change + self.reaction(u)

    def _slope(self, u: Tensor, axis: int, speed: float) -> Tensor:
        """The first derivative along ``axis``: one-sided from upstream ("upwind"), or central."""
        if self.scheme == "central":
            return central_difference(u, axis, self.boundary)
        upwind = backward_difference if speed > 0 else forward_difference
        return upwind(u, axis, self.boundary)
