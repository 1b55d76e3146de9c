"""Inverse layers behind any module inside a network, such as a decoder's features."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch import nn
from torch.utils.hooks import RemovableHandle

from .base import InverseLayer
from .outputs import Keys
from .training_only import TrainingOnly, check_module


class _OutputHook:
    """A forward hook: the layer on the module's output while the module is in training mode."""

    def __init__(self, layer: nn.Module, keys: Keys) -> None:
        self.inverse = TrainingOnly(layer, keys)

    def __call__(self, module: nn.Module, inputs: Any, output: Any) -> Any:
        return self.inverse(output) if module.training else output


def attach(module: nn.Module, layer: nn.Module, keys: Keys = None) -> RemovableHandle:
    """Put ``layer`` behind ``module``, inside whatever network it is a part of.

    >>> with attach(network.decoder.blocks[-1], InverseHeat(10, 0.025)):     # doctest: +SKIP
    ...     train(network)

    A forward hook: the module's output goes through the layer while the module is in training mode
    and is left alone in evaluation mode. No submodule is registered, so the state_dict and
    ``named_modules`` stay as they were; `set_scale` and `check_gain` find the layer nevertheless.

    Parameters
    ----------
    module : nn.Module
        Its output is ``(N, C, *space)``, or holds such tensors, see `TrainingOnly`.
    layer, keys
        As in `TrainingOnly`.

    Returns
    -------
    torch.utils.hooks.RemovableHandle
        ``handle.remove()``, or the end of a ``with`` block, takes the layer away.

    Raises
    ------
    InputError
        ``module`` or ``layer`` is no module.
    """
    return check_module(module, "module").register_forward_hook(_OutputHook(layer, keys))


def inverse_layers(network: nn.Module) -> Iterator[InverseLayer]:
    """All inverse layers in ``network``, attached ones too, each once."""
    seen: set[int] = set()
    for module in network.modules():
        hooks = (hook for hook in module._forward_hooks.values() if isinstance(hook, _OutputHook))
        for root in (module, *(hook.inverse for hook in hooks)):
            found = (root,) if root is module else root.modules()
            for layer in found:
                if isinstance(layer, InverseLayer) and id(layer) not in seen:
                    seen.add(id(layer))
                    yield layer
