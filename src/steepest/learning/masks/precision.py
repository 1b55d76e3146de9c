"""A network in the precision that a training asks for."""

from __future__ import annotations

from torch import nn

from ..training.precision import InBfloat16
from .config import MaskTrainingConfig


def in_precision(network: nn.Module | None, config: MaskTrainingConfig) -> nn.Module | None:
    """The network, under autocast to bfloat16 where ``config.precision`` says so."""
    if network is None or config.precision != "bfloat16":
        return network
    return InBfloat16(network)
