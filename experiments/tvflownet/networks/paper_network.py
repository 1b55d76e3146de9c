"""The common part of the paper's three networks: units, inputs, constraints on the outputs.

Each subclass is one architecture. It defines `evolve`, which maps ``(v0, tau, phi_ini)``, in the
paper's units, to the change of the image and the flux.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Tensor, nn

from steepest.core.errors import InputError
from steepest.learning.flows.fields import (
    check_inputs,
    drop_unused,
    gradient,
    project,
    squared_norm,
    times_of,
)

from ..units import CONTRAST

FLUX_EPS = 1e-4
"""The paper's eps of ``phi_ini = grad v0 / sqrt(|grad v0|^2 + eps^2)`` (section 3.1.1)."""


class PaperNetwork(nn.Module, ABC):
    """A network ``(u0, t) -> (u(t), phi(t))`` in the solver's units, with the paper's units inside.

    The paper runs the flow of ``v0 = 5 u0`` to times ``tau = 5 t``. Total variation is
    one-homogeneous, so ``v(tau) = 5 u(t)``, and ``phi`` is the same in both. The input channels
    are ``v0``, ``tau`` as a constant, and ``phi_ini``; the result is ``u = u0 + change / 5``.

    Under autocast the layers run in the lower precision. Inputs, the residual connection and the
    outputs keep the dtype of ``u0``.
    """

    MIN_SIZE = 2

    @abstractmethod
    def config(self) -> dict[str, Any]:
        """Constructor arguments that JSON can store: ``type(self)(**self.config())``."""

    @abstractmethod
    def evolve(self, v0: Tensor, tau: Tensor, phi0: Tensor) -> tuple[Tensor, Tensor]:
        """The change of the image (N, 1, H, W) and the flux (N, 2, H, W), from the three inputs.

        ``v0`` and ``tau`` have shape (N, 1, H, W), ``phi0`` has shape (N, 2, H, W).
        """

    def propose(self, u0: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """The images (N, 1, H, W) at the times and the fluxes (N, 2, H, W) *before* projection.

        ``u0`` (N, 1, H, W) are images in [0, 1] of at least ``MIN_SIZE`` pixels per side, and ``t``
        (N,) times in the solver's units, grey value times pixel (the paper's 1 is 0.2). They are
        not checked here (`forward` does), so that a training step does not wait for the device. The
        flux is zero where the divergence does not use it, so that none leaves the image (the
        paper's hard boundary condition).
        """
        v0 = CONTRAST * u0
        tau = (CONTRAST * t).view(-1, 1, 1, 1).expand_as(v0)
        change, phi = self.evolve(v0, tau, initial_flux(v0, FLUX_EPS))
        return u0 + change.to(u0.dtype) / CONTRAST, drop_unused(phi.to(u0.dtype))

    def forward(self, u0: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """The image ``u`` at time ``t`` and the instantaneous flux, projected to the unit ball.

        Arguments and shapes are those of `propose`. Raises `InputError` if shapes, dtypes or sizes
        are wrong, a value is NaN or infinite, or a time is negative.
        """
        check_inputs(u0, t, next(self.parameters()).dtype)
        if min(u0.shape[2:]) < self.MIN_SIZE:
            raise InputError(
                f"u0 of {u0.shape[2]}x{u0.shape[3]} pixels is too small: "
                f"this network needs at least {self.MIN_SIZE}x{self.MIN_SIZE}"
            )
        u, phi = self.propose(u0, t)
        return u, project(phi)

    def solve(self, u0: Tensor, t: Tensor | float) -> Tensor:
        """The image alone; like `forward`, but ``t`` may also be one number for all images."""
        return self.forward(u0, times_of(t, u0))[0]


def network_input(v0: Tensor, tau: Tensor, phi0: Tensor) -> Tensor:
    """The four input channels of the paper's networks, (N, 4, H, W)."""
    return torch.cat([v0, tau, phi0], 1)


def split_output(output: Tensor) -> tuple[Tensor, Tensor]:
    """Split three channels (N, 3, H, W) into the change of the image and the flux."""
    return output[:, :1], output[:, 1:]


def initial_flux(u: Tensor, eps: float) -> Tensor:
    """``grad u / sqrt(|grad u|^2 + eps^2)``: the paper's initial flux."""
    g = gradient(u)
    return g * (squared_norm(g) + eps**2).rsqrt()
