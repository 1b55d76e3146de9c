"""A layer that is there in training and vanishes in evaluation."""

from __future__ import annotations

from typing import Any

from torch import nn

from ..core.errors import InputError
from .outputs import Keys, check_keys, transform_output


def check_module(value: Any, name: str) -> nn.Module:
    """An nn.Module."""
    if not isinstance(value, nn.Module):
        raise InputError(f"{name}={type(value).__name__}; allowed is an nn.Module")
    return value


class TrainingOnly(nn.Module):
    """``layer`` in ``train()`` mode, the identity in ``eval()`` mode (the very same object).

    Put it behind a network, before the loss, on logits rather than probabilities.

    Parameters
    ----------
    layer : nn.Module
        Tensor to tensor, such as `InverseHeat`.
    keys : key, sequence of keys or None
        What to transform of an output that is not a tensor. By default "out" or "logits" of a
        mapping (torchvision, Hugging Face), the first entry of a tuple, every tensor of a list
        (deep supervision). Auxiliary outputs of a mapping are left alone unless named. A tensor
        into which a network stacks several outputs (MONAI's DynUNet) has to be unbound first: its
        additional axis would be taken for a spatial one.

    Raises
    ------
    InputError
        ``layer`` is no module, ``keys`` is empty. In training mode: an output of another type, a
        key that is not there, an output with a ``loss`` (a Hugging Face network called with
        labels: that loss was computed without the layer).
    """

    def __init__(self, layer: nn.Module, keys: Keys = None) -> None:
        super().__init__()
        self.layer = check_module(layer, "layer")
        self.keys = check_keys(keys)

    def forward(self, output: Any) -> Any:
        """``output``, in training mode with the layer applied to its logits."""
        if not self.training:
            return output
        return transform_output(self.layer, output, self.keys)

    def extra_repr(self) -> str:
        """The keys, where given."""
        return "" if self.keys is None else f"keys={self.keys}"
