"""All networks of one training as one module, with one weight file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from steepest.core.numbers import check_choice

from .critic import Critic
from .generator import InpaintingGenerator
from .mask_generator import MaskGenerator

MODES = {
    "joint": ("mask", "generator", "critic"),
    "inpainting": ("generator", "critic"),
    "diffusion": ("mask",),
}
"""The networks of each mode: the paper's three; inpainting only; masks for exact diffusion."""


class MaskGAN(nn.Module):
    """The networks ``mask``, ``generator`` and ``critic``; those not in `MODES` [mode] are None.

    The module has no ``forward``: call its parts.

    Parameters
    ----------
    mode : str
        "joint", "inpainting" or "diffusion".
    channels, base_channels
        Settings of all networks; see `InpaintingGenerator`.
    binarisation : str
        See `MaskGenerator`.

    Raises
    ------
    InputError
        If an argument is not allowed.
    """

    def __init__(
        self,
        mode: str = "joint",
        channels: int = 3,
        base_channels: int = 128,
        binarisation: str = "hard",
    ) -> None:
        super().__init__()
        common = (channels, base_channels)
        parts = MODES[check_choice(mode, "mode", tuple(MODES))]
        self.mask = MaskGenerator(*common, binarisation) if "mask" in parts else None
        self.generator = InpaintingGenerator(*common) if "generator" in parts else None
        self.critic = Critic(*common) if "critic" in parts else None
        self.mode, self.channels, self.base_channels = mode, channels, base_channels
        self.binarisation = binarisation

    def config(self) -> dict[str, Any]:
        """Constructor arguments that JSON can store: ``MaskGAN(**config())``."""
        names = ("mode", "channels", "base_channels", "binarisation")
        return {name: getattr(self, name) for name in names}


@contextmanager
def frozen(network: nn.Module) -> Iterator[None]:
    """Inside, results have derivatives with respect to inputs but not to the network's weights."""
    learning = [p for p in network.parameters() if p.requires_grad]
    for parameter in learning:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in learning:
            parameter.requires_grad_(True)


def evaluate(network: nn.Module, precision: str, *inputs: Any) -> Tensor:
    """``network(*inputs)`` in float32 or, if ``precision`` is "bfloat16", under autocast."""
    if precision == "float32":
        result: Tensor = network(*inputs)
        return result
    with torch.autocast(inputs[0].device.type, torch.bfloat16):
        return network(*inputs).float()  # type: ignore[no-any-return]
