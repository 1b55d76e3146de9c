"""The networks of one training together: one module, one file of weights."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn

from ...core.errors import InputError
from .critic import Critic
from .generator import InpaintingGenerator
from .mask_generator import MaskGenerator

MODES = {
    "joint": ("mask", "generator", "critic"),
    "inpainting": ("generator", "critic"),
    "diffusion": ("mask",),
}
"""Which networks there are: the paper's three; inpainting alone; masks for exact diffusion."""


class MaskGAN(nn.Module):
    """``mask``, ``generator`` and ``critic``: those of `MODES` [mode], the others None.

    Parameters
    ----------
    mode : str
        "joint", "inpainting" or "diffusion".
    channels, base_channels, noise
        Of all networks, see `InpaintingGenerator`.
    binarisation : str
        See `MaskGenerator`.
    norm : str
        See `Critic`.

    Raises
    ------
    InputError
        An argument is not allowed.

    Notes
    -----
    It has no ``forward``: who trains it or uses it calls its parts.
    """

    def __init__(
        self,
        mode: str = "joint",
        channels: int = 3,
        base_channels: int = 128,
        noise: str = "uniform",
        binarisation: str = "hard",
        norm: str = "layer",
    ) -> None:
        super().__init__()
        if mode not in MODES:
            raise InputError(f"mode={mode!r}; allowed are {', '.join(MODES)}")
        common = (channels, base_channels, noise)
        parts = MODES[mode]
        self.mask = MaskGenerator(*common, binarisation) if "mask" in parts else None
        self.generator = InpaintingGenerator(*common) if "generator" in parts else None
        self.critic = Critic(channels, base_channels, norm) if "critic" in parts else None
        self.mode, self.channels, self.base_channels = mode, channels, base_channels
        self.noise, self.binarisation, self.norm = noise, binarisation, norm

    def config(self) -> dict[str, Any]:
        """Constructor arguments (JSON-able): ``MaskGAN(**config())`` is alike."""
        names = ("mode", "channels", "base_channels", "noise", "binarisation", "norm")
        return {name: getattr(self, name) for name in names}


@contextmanager
def frozen(network: nn.Module) -> Iterator[None]:
    """What is computed inside has derivatives with respect to inputs, but not to these weights."""
    learning = [p for p in network.parameters() if p.requires_grad]
    for parameter in learning:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in learning:
            parameter.requires_grad_(True)
