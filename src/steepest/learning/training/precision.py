"""Run a network in bfloat16 within a loss in float32."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn


class InBfloat16(nn.Module):
    """Run the forward pass and ``methods`` of ``network`` under autocast, with float32 results.

    Convolutions run in bfloat16; the weights, the optimiser and everything outside the network stay
    in float32. The first argument of every call must be a tensor: its device determines the
    autocast device. Results may be a tensor, or a tuple, list or dictionary of tensors. Attributes
    are those of the network.
    """

    def __init__(self, network: nn.Module, methods: Sequence[str] = ()) -> None:
        super().__init__()
        self.network = network
        self._methods = tuple(methods)

    def forward(self, *arguments: Tensor) -> Any:
        """``network(*arguments)`` in float32."""
        return _run(self.network, *arguments)

    def __getattr__(self, name: str) -> Any:
        if name == "network":
            return super().__getattr__(name)
        value = getattr(self.network, name)
        return partial(_run, value) if name in self._methods else value


def _run(function: Callable[..., Any], *arguments: Tensor) -> Any:
    with torch.autocast(arguments[0].device.type, torch.bfloat16):
        result = function(*arguments)
    return _to_float32(result)


def _to_float32(result: Any) -> Any:
    if isinstance(result, Tensor):
        return result.float() if result.is_floating_point() else result
    if isinstance(result, dict):
        return {name: _to_float32(value) for name, value in result.items()}
    if isinstance(result, list):
        return [_to_float32(value) for value in result]
    return tuple(_to_float32(value) for value in result)
