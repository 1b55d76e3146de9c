"""A layer that acts only in training mode."""

from __future__ import annotations

from typing import Any

from torch import nn

from ..core.errors import InputError
from .outputs import Keys, check_keys, transform_output


def check_module(value: Any, name: str) -> nn.Module:
    """``value``, if it is an nn.Module."""
    if not isinstance(value, nn.Module):
        raise InputError(f"{name}={type(value).__name__}; allowed is an nn.Module")
    return value


class TrainingOnly(nn.Module):
    """``layer`` in ``train()`` mode; ``eval()`` mode returns the input object itself.

    Place it between a network and its loss, on logits rather than probabilities.

    Parameters
    ----------
    layer : nn.Module
        A module that maps a tensor to a tensor, such as `InverseHeat`.
    keys : key, sequence of keys or None
        Which entries to transform of an output that is not a tensor. By default: "out" or "logits"
        of a mapping (torchvision, Hugging Face), the first entry of a tuple, every tensor of a
        list (deep supervision). Auxiliary outputs of a mapping are left alone unless named. If a
        network stacks several outputs into one tensor (MONAI's DynUNet), unbind it first: the
        additional axis would be taken for a spatial axis.

    Raises
    ------
    InputError
        If ``layer`` is not a module, or ``keys`` is empty. When called in training mode: if the
        output has another type, a key is missing, or the output contains a ``loss`` (a Hugging
        Face network called with labels computes its loss without the layer).
    """

    def __init__(self, layer: nn.Module, keys: Keys = None) -> None:
        super().__init__()
        self.layer = check_module(layer, "layer")
        self.keys = check_keys(keys)

    def forward(self, output: Any) -> Any:
        """``output``; in training mode the layer is applied to its logits."""
        if not self.training:
            return output
        return transform_output(self.layer, output, self.keys)

    def extra_repr(self) -> str:
        """The keys, if given."""
        return "" if self.keys is None else f"keys={self.keys}"
