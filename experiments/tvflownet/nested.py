"""Forward over forward mode differentiation, where torch lacks a rule for it."""

from __future__ import annotations

from typing import Any

from torch import sigmoid
from torch.nn import functional
from torch.overrides import TorchFunctionMode


class _PlainSilu(TorchFunctionMode):
    """Use ``x sigmoid(x)`` in place of the fused silu, whose derivative has no forward mode."""

    def __torch_function__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        if function is functional.silu:
            return args[0] * sigmoid(args[0])
        return function(*args, **(kwargs or {}))


def twice_differentiable() -> TorchFunctionMode:
    """A context in which ``jvp`` of ``jvp`` works for networks with silu; values are unchanged."""
    return _PlainSilu()
