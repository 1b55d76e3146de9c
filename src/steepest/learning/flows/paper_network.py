"""What the paper's three networks have in common: units, inputs, constraints on the outputs.

A subclass is one architecture: its `evolve` maps ``(v0, tau, phi_ini)``, in the paper's units, to
the change of the image and the flux; everything else is here.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from ...core.errors import InputError
from .fields import check_inputs, drop_unused, initial_flux, project, times_of
from .units import CONTRAST

FLUX_EPS = 1e-4
"""The paper's eps of ``phi_ini = grad v0 / sqrt(|grad v0|^2 + eps^2)`` (section 3.1.1)."""


class PaperNetwork(nn.Module):
    """A network ``(u0, t) -> (u(t), phi(t))`` in the engine's units (the paper's are inside).

    The paper runs the flow of ``v0 = 5 u0`` to times ``tau = 5 t``; since total variation is
    one-homogeneous, ``v(tau) = 5 u(t)`` and ``phi`` is the same in both. The networks see ``v0``,
    ``tau`` as a constant channel, and ``phi_ini``; ``u = u0 + change / 5``.

    Under autocast the layers run in the lower precision; inputs, the residual connection and the
    outputs keep the dtype of ``u0``.
    """

    MIN_SIZE = 2

    def config(self) -> dict[str, Any]:
        """Constructor arguments (JSON-able): ``type(self)(**self.config())`` is alike."""
        raise NotImplementedError

    def evolve(self, v0: Tensor, tau: Tensor, phi0: Tensor) -> tuple[Tensor, Tensor]:
        """Change of the image (N, 1, H, W) and flux (N, 2, H, W) from the three inputs.

        ``v0`` and the channel ``tau`` have shape (N, 1, H, W), ``phi0`` (N, 2, H, W).
        """
        raise NotImplementedError

    def propose(self, u0: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """The image and the flux *before* its projection: what a loss must see.

        Parameters
        ----------
        u0 : tensor (N, 1, H, W)
            Images in [0, 1], at least ``MIN_SIZE`` pixels a side. Not checked here (`forward`
            does), so that a training step does not wait for the device.
        t : tensor (N,)
            Times in the engine's units, grey value times pixel (the paper's 1 is 0.2).

        Returns
        -------
        u : tensor (N, 1, H, W)
        phi : tensor (N, 2, H, W)
            Of any magnitude; zero where the divergence does not use it, so that no flux leaves
            the image (the paper's hard boundary condition).
        """
        v0 = CONTRAST * u0
        tau = (CONTRAST * t).view(-1, 1, 1, 1).expand_as(v0)
        change, phi = self.evolve(v0, tau, initial_flux(v0, FLUX_EPS))
        return u0 + change.to(u0.dtype) / CONTRAST, drop_unused(phi.to(u0.dtype))

    def forward(self, u0: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """``(u, flux)`` at time ``t``: ``flux`` is the instantaneous phi, in the unit ball.

        Arguments and shapes as in `propose`.

        Raises
        ------
        InputError
            Wrong shapes, dtypes or sizes; NaN or infinity; negative times.
        """
        check_inputs(u0, t, self.MIN_SIZE, next(self.parameters()).dtype)
        u, phi = self.propose(u0, t)
        return u, project(phi)

    def solve(self, u0: Tensor, t: Tensor | float) -> Tensor:
        """The image alone; as `forward`, but ``t`` may be one number for all images."""
        return self.forward(u0, times_of(t, u0))[0]


def network_input(v0: Tensor, tau: Tensor, phi0: Tensor) -> Tensor:
    """The four channels that every network of the paper sees, (N, 4, H, W)."""
    return torch.cat([v0, tau, phi0], 1)


def split_output(output: Tensor) -> tuple[Tensor, Tensor]:
    """Three channels (N, 3, H, W): the change of the image and the flux."""
    return output[:, :1], output[:, 1:]


def check_choice(value: Any, name: str, allowed: tuple[str, ...]) -> str:
    """One of the allowed words."""
    if value not in allowed:
        raise InputError(f"{name}={value!r} must be one of {', '.join(map(repr, allowed))}")
    return str(value)
