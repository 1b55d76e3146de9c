"""Inverse advection-diffusion-reaction flow."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from ..core.errors import InputError
from ..core.numbers import check_choice, check_number, check_numbers
from ..grid.differences import (
    backward_difference,
    central_difference,
    check_boundary,
    forward_difference,
    laplacian,
)
from .base import LARGEST, space_axes
from .evolution import InverseEvolution
from .stability import DEFAULT_LIMIT

SCHEMES = ("upwind", "central")


@dataclass(frozen=True)
class AdvectionDiffusionReactionFlow:
    """``F(u) = diffusion Laplacian(u) - velocity . grad u + reaction(u)``."""

    velocity: tuple[float, ...]
    diffusion: float = 1.0
    reaction: Callable[[Tensor], Tensor] | None = None
    scheme: str = "upwind"
    boundary: str = "neumann"

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


class InverseAdvectionDiffusionReaction(InverseEvolution):
    """``steps`` times ``L(u) = u - dt (diffusion Laplacian(u) - velocity . grad u + reaction(u))``.

    The forward flow transports values with ``velocity``, blurs them, and changes them by
    ``reaction``. One layer is the exact inverse of the implicit Euler step wherever that step has
    a unique solution: for any ``dt`` if there is no reaction or the reaction does not increase in
    ``u``, and for ``dt < 1/k`` if the slope of the reaction is at most ``k``. With scheme
    "central" and boundary "neumann" this also needs ``diffusion >= |velocity_a| / 2``.

    The "upwind" scheme keeps the implicit step monotone, but adds a diffusion of
    ``|velocity_a| / 2`` along axis ``a``. The "central" scheme is of second order.

    Parameters
    ----------
    steps, dt, max_gain
        See `InverseEvolution`. The layer warns above the gain ``max_gain``; it does not cap it.
    velocity : sequence of floats
        One number per spatial axis (one to three), in pixels per unit of time, of magnitude at
        most 1e12. Its length sets ``spatial_ndim``. For a velocity that varies in space, pass your
        own operator to `InverseEvolution`.
    diffusion : float
        Zero or positive, at most 1e12, in squared pixels per unit of time.
    reaction : callable or None
        ``u -> r(u)``, elementwise and differentiable, such as ``lambda u: u * (1 - u)``.
    scheme : str
        "upwind" or "central".
    boundary : str
        "neumann", "zero" or "periodic".

    Raises
    ------
    InputError
        If an argument is out of range. When the layer is called: if the input does not have one
        spatial axis per component of ``velocity``.

    References
    ----------
    Hundsdorfer & Verwer, Numerical Solution of Time-Dependent Advection-Diffusion-Reaction
    Equations, Springer 2003, chapter I.
    """

    def __init__(
        self,
        steps: int,
        dt: float,
        velocity: Sequence[float],
        diffusion: float = 1.0,
        reaction: Callable[[Tensor], Tensor] | None = None,
        scheme: str = "upwind",
        boundary: str = "neumann",
        max_gain: float | None = DEFAULT_LIMIT,
    ) -> None:
        if reaction is not None and not callable(reaction):
            raise InputError(f"reaction={reaction!r}; allowed is a callable u -> r(u), or None")
        speeds = _check_velocity(velocity)
        operator = AdvectionDiffusionReactionFlow(
            speeds,
            check_number(diffusion, "diffusion", most=LARGEST),
            reaction,
            check_choice(scheme, "scheme", SCHEMES),
            check_boundary(boundary),
        )
        super().__init__(operator, steps, dt, max_gain, spatial_ndim=len(speeds))


def _check_velocity(velocity: Sequence[float]) -> tuple[float, ...]:
    speeds = check_numbers(velocity, "velocity")
    if speeds.ndim != 1 or not 1 <= speeds.size <= 3 or not np.all(np.abs(speeds) <= LARGEST):
        raise InputError(
            f"velocity={velocity!r}; allowed is a sequence of one number per spatial axis (one to "
            f"three), of magnitude at most {LARGEST:g}"
        )
    return tuple(speeds.tolist())
