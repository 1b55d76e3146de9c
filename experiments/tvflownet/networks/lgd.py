"""Learned gradient descent (LGD): five learned update steps, 33,415 parameters."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, softplus

from steepest.core.errors import InputError
from steepest.core.numbers import check_count

from .paper_network import PaperNetwork, network_input


class _Block(nn.Module):
    """One update step: 7x7 convolution 6 -> 8, softplus, 7x7 convolution 8 -> 11."""

    def __init__(self, state: int, kernel: int) -> None:
        super().__init__()
        self.padding = kernel // 2
        self.enter = nn.Conv2d(6, state, kernel, padding=self.padding)
        self.leave = nn.Conv2d(state, 3 + state, kernel, padding=self.padding)

    def forward(self, x: Tensor, z: Tensor, outputs: int) -> Tensor:
        """The first ``outputs`` channels of the update (the last step omits the state)."""
        hidden = softplus(self.enter(x) + z)
        weight, bias = self.leave.weight[:outputs], self.leave.bias
        return conv2d(
            hidden, weight, None if bias is None else bias[:outputs], padding=self.padding
        )


class LGD(PaperNetwork):
    """Algorithm 1 of the paper: ``(u, phi, z) += g_i(u0, t, u, phi, z)`` for five blocks ``g_i``.

    The iteration starts from ``u = u0``, ``phi = phi_ini`` and ``z = u0``, repeated in the 8
    channels of ``z``. Unlike in the other networks, ``phi`` is therefore a residual to
    ``phi_ini``. The receptive field is 61x61 pixels.

    Parameters
    ----------
    blocks : int
        Number of update steps (default 5).
    state : int
        Number of channels of ``z``, and of the layer inside a block (default 8).
    kernel : odd int
        Side length of the convolution kernels (default 7).

    Notes
    -----
    *Source.* Grossmann et al., section 3.2.1 and Algorithm 1. They give the number of blocks, two
    convolutions joined by a softplus, the inputs and outputs of a block, the initial values, and
    33,415 parameters.

    *Reconstructed.* 7x7 kernels of 6 -> 8 -> 11 channels with bias have this number of parameters.
    The 11 outputs are the changes of ``u`` (1), ``phi`` (2) and ``z`` (8).

    *Not public.* The 6 input channels: ``u0, t, u, phi`` already make 5, and ``z`` has 8 channels.
    Here the sixth is the mean of ``z`` over its channels, and ``z`` itself is added to the inner
    layer, which has the same width. Every channel of the state then has an effect, without
    additional parameters. In short trainings this did better than the mean alone, than one channel
    of ``z`` per block, and than ``div phi`` in place of the mean.
    """

    def __init__(self, blocks: int = 5, state: int = 8, kernel: int = 7) -> None:
        super().__init__()
        self.num_blocks = check_count(blocks, "blocks")
        self.state = check_count(state, "state")
        self.kernel = check_count(kernel, "kernel")
        if self.kernel % 2 == 0:
            raise InputError(f"kernel={kernel} must be odd")
        self.blocks = nn.ModuleList(_Block(self.state, self.kernel) for _ in range(blocks))

    def config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {"blocks": self.num_blocks, "state": self.state, "kernel": self.kernel}

    def evolve(self, v0: Tensor, tau: Tensor, phi0: Tensor) -> tuple[Tensor, Tensor]:
        """See `PaperNetwork.evolve`."""
        change, phi, z = torch.zeros_like(v0), phi0, v0.expand(-1, self.state, -1, -1)
        for i, block in enumerate(self.blocks, start=1):
            seen = torch.cat([network_input(v0, tau, phi), v0 + change, z.mean(1, keepdim=True)], 1)
            last = i == self.num_blocks
            update = block(seen, z, 3 if last else 3 + self.state)
            change, phi = change + update[:, :1], phi + update[:, 1:3]
            if not last:
                z = z + update[:, 3:]
        return change, phi
