"""Run a network in the precision of its training."""

from __future__ import annotations

from torch import nn

from ..training.precision import InBfloat16
from .config import MaskTrainingConfig


def in_precision(network: nn.Module | None, config: MaskTrainingConfig) -> nn.Module | None:
    """The network, wrapped in autocast if ``config.precision`` is "bfloat16"."""
    if network is None or config.precision != "bfloat16":
        return network
    return InBfloat16(network)
