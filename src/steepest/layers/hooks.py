"""Attach inverse layers to the output of a network, or of any module inside it."""

from collections.abc import Iterator
from typing import Any

from torch import nn
from torch.utils.hooks import RemovableHandle

from ..core.errors import InputError
from .base import InverseLayer
from .outputs import Keys, check_keys, transform_output


def check_module(value: Any, name: str) -> nn.Module:
    """``value``, if it is an nn.Module."""
    if not isinstance(value, nn.Module):
        raise InputError(f"{name}={type(value).__name__}; allowed is an nn.Module")
    return value


class _OutputHook:
    """A forward hook that applies the layer to the logits of a module in training mode."""

    def __init__(self, layer: nn.Module, keys: Keys) -> None:
        self.layer, self.keys = check_module(layer, "layer"), check_keys(keys)

    def __call__(self, module: nn.Module, inputs: Any, output: Any) -> Any:
        return transform_output(self.layer, output, self.keys) if module.training else output


def attach(module: nn.Module, layer: nn.Module, keys: Keys = None) -> RemovableHandle:
    """Apply ``layer`` to the output of ``module`` in training mode, but not in evaluation mode.

    >>> attach(network, InverseHeat(20, 0.025))                              # doctest: +SKIP
    >>> loss = cross_entropy(network(images), labels)                        # doctest: +SKIP
    >>> with attach(network.decoder.blocks[-1], InverseHeat(10, 0.025)):     # doctest: +SKIP
    ...     train(network)

    A forward hook does this, in place. It registers no submodule, so ``state_dict``, ``parameters``
    and ``named_modules`` do not change, and weights can be exchanged with the plain network.
    Methods of the network that do not call it (``predict``, ``encode``) bypass the layer.
    `set_scale` and `check_gain` find the layer.

    Parameters
    ----------
    module : nn.Module
        A network that returns logits (torchvision, segmentation_models_pytorch, MONAI, Hugging
        Face), or a module inside one. Its output is a tensor ``(N, C, *space)``, or a collection of
        such tensors.
    layer : nn.Module
        `InverseHeat`, any `InverseEvolution`, or another module that maps a tensor to a tensor.
        Parameters of its own are not parameters of the network.
    keys : key, sequence of keys or None
        Which entries to transform of an output that is not a tensor. By default: "out" or "logits"
        of a mapping (torchvision, Hugging Face), the first entry of a tuple, every tensor of a
        list (deep supervision). Auxiliary outputs of a mapping are left alone unless named. If a
        network stacks several outputs into one tensor (MONAI's DynUNet), attach the layer to the
        module before: the additional axis would be taken for a spatial axis.

    Returns
    -------
    torch.utils.hooks.RemovableHandle
        ``handle.remove()``, or the end of a ``with`` block, detaches the layer.

    Raises
    ------
    InputError
        If ``module`` or ``layer`` is not a module, or ``keys`` is empty. When the network is called
        in training mode: if the output has another type, a key is missing, or the output contains a
        ``loss`` (a Hugging Face network called with labels computes its loss without the layer).

    Notes
    -----
    *Hugging Face.* The Trainer passes labels to the network: subclass it with a ``compute_loss``
    that removes ``labels`` from the inputs and computes the loss from ``outputs.logits``, and set
    ``remove_unused_columns=False``. If the logits have a quarter of the image's resolution
    (SegFormer), ``dt`` refers to the pixels of the logits.
    """
    return check_module(module, "module").register_forward_hook(_OutputHook(layer, keys))


def inverse_layers(network: nn.Module) -> Iterator[InverseLayer]:
    """Iterate over all inverse layers in ``network``, including attached ones, each once."""
    seen: set[int] = set()
    for module in network.modules():
        hooks = (hook for hook in module._forward_hooks.values() if isinstance(hook, _OutputHook))
        for layer in (module, *(part for hook in hooks for part in hook.layer.modules())):
            if isinstance(layer, InverseLayer) and id(layer) not in seen:
                seen.add(id(layer))
                yield layer
