"""Attach inverse layers to the output of any module inside a network."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch import nn
from torch.utils.hooks import RemovableHandle

from .base import InverseLayer
from .outputs import Keys
from .training_only import TrainingOnly, check_module


class _OutputHook:
    """A forward hook that applies the layer to the output of a module in training mode."""

    def __init__(self, layer: nn.Module, keys: Keys) -> None:
        self.inverse = TrainingOnly(layer, keys)

    def __call__(self, module: nn.Module, inputs: Any, output: Any) -> Any:
        return self.inverse(output) if module.training else output


def attach(module: nn.Module, layer: nn.Module, keys: Keys = None) -> RemovableHandle:
    """Apply ``layer`` to the output of ``module``, in place inside its network.

    >>> with attach(network.decoder.blocks[-1], InverseHeat(10, 0.025)):     # doctest: +SKIP
    ...     train(network)

    A forward hook sends the module's output through the layer in training mode and leaves it alone
    in evaluation mode. It registers no submodule, so the state_dict and ``named_modules`` do not
    change. `set_scale` and `check_gain` still find the layer.

    Parameters
    ----------
    module : nn.Module
        A module that outputs a tensor ``(N, C, *space)``, or a collection of such tensors (see
        `TrainingOnly`).
    layer, keys
        See `TrainingOnly`.

    Returns
    -------
    torch.utils.hooks.RemovableHandle
        ``handle.remove()``, or the end of a ``with`` block, detaches the layer.

    Raises
    ------
    InputError
        If ``module`` or ``layer`` is not a module, or ``keys`` is empty.
    """
    return check_module(module, "module").register_forward_hook(_OutputHook(layer, keys))


def inverse_layers(network: nn.Module) -> Iterator[InverseLayer]:
    """Iterate over all inverse layers in ``network``, including attached ones, each once."""
    seen: set[int] = set()
    for module in network.modules():
        hooks = (hook for hook in module._forward_hooks.values() if isinstance(hook, _OutputHook))
        for root in (module, *(hook.inverse for hook in hooks)):
            found = (root,) if root is module else root.modules()
            for layer in found:
                if isinstance(layer, InverseLayer) and id(layer) not in seen:
                    seen.add(id(layer))
                    yield layer
