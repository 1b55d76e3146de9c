"""A network computed in bfloat16 inside a loss computed in float32."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn


class InBfloat16(nn.Module):
    """``network`` with its forward pass and ``methods`` run under autocast and float32 results.

    Convolutions are computed in bfloat16, with weights, optimiser and everything outside the
    network in float32. The first argument of every call is a tensor, whose device decides. Results
    may be a tensor, a tuple, a list or a dictionary of tensors. Attributes are the network's.
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
        return _in_bfloat16(value) if name in self._methods else value


def _in_bfloat16(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *arguments: _run(function, *arguments)


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
