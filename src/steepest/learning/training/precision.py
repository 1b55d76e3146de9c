"""A network computed in bfloat16 inside a loss computed in float32."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

_METHODS = ("propose", "mean_flux", "solve")


class InBfloat16(nn.Module):
    """``network`` with its methods run under autocast and float32 results.

    Convolutions are computed in bfloat16, with weights, optimiser and everything outside the
    network in float32. Attributes are those of the network.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, u0: Tensor, t: Tensor) -> Any:
        """``network(u0, t)`` in float32."""
        return self._run(self.network, u0, t)

    def __getattr__(self, name: str) -> Any:
        if name == "network":
            return super().__getattr__(name)
        value = getattr(self.network, name)
        if name not in _METHODS:
            return value
        return lambda *arguments: self._run(value, *arguments)

    def _run(self, function: Any, *arguments: Tensor) -> Any:
        device = arguments[0].device.type
        with torch.autocast(device, torch.bfloat16):
            result = function(*arguments)
        if isinstance(result, Tensor):
            return result.float()
        return tuple(value.float() for value in result)
