"""The hourglass network of both generators."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from steepest.core.errors import InputError

from .blocks import KERNEL, CBlock, TCBlock, check_channels, initialise

MULTIPLE = 8
"""Sides are padded to multiples of this, because three levels halve them."""


class Hourglass(nn.Module):
    """Map (N, in, H, W) to (N, out, H, W), for any height and width, without a last activation.

    With ``b = base_channels`` (128 in the paper)::

        CBlock b -> CBlock b -> CBlock 2b -> TCBlock 4b -> TCBlock 2b -> TCBlock b -> TCBlock b
           |          |           +--------------skip--------+            |            |
           |          +---------------------------skip--------------------+            |
           +--------------------------------------skip---------------------------------+

    followed by one transposed 5x5 convolution to ``out_channels``. The TCBlock of 4b channels is
    the bottleneck, at an eighth of the resolution; the last TCBlock does not upsample.

    Raises
    ------
    InputError
        If ``base_channels`` is not a positive multiple of 4.

    Notes
    -----
    Source: the paper, Fig. 1(a). That skips are concatenated, and taken before pooling, is
    reconstructed. The last row and column are repeated until height and width are multiples of 8,
    and the result is cropped. The published network of this family ends in 3x3 convolutions; here
    all are 5x5, as the paper says.
    """

    def __init__(self, in_channels: int, out_channels: int, base_channels: int) -> None:
        super().__init__()
        b = check_channels(base_channels, "base_channels")
        self.down = nn.ModuleList([CBlock(in_channels, b), CBlock(b, b), CBlock(b, 2 * b)])
        self.bottleneck = TCBlock(2 * b, 4 * b)
        self.up = nn.ModuleList(
            [TCBlock(6 * b, 2 * b), TCBlock(3 * b, b), TCBlock(2 * b, b, upsample=False)]
        )
        self.last = nn.ConvTranspose2d(b, out_channels, KERNEL, padding=KERNEL // 2)
        initialise(self.last)

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[2:]
        x = pad(x, (0, -width % MULTIPLE, 0, -height % MULTIPLE), mode="replicate")
        skips = []
        for block in self.down:
            x, features = block(x)
            skips.append(features)
        x = self.bottleneck(x)
        for block in self.up:
            x = block(torch.cat([x, skips.pop()], 1))
        result: Tensor = self.last(x)
        return result[..., :height, :width]


def draw_seed(like: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """The random seed r, uniform in [0, 1), with the shape, dtype and device of ``like``."""
    return torch.empty_like(like, requires_grad=False).uniform_(generator=generator)


def check_batch(batch: Tensor, channels: int, name: str) -> None:
    """Raise `InputError` unless ``batch`` has the shape (N, channels, H, W)."""
    if batch.ndim != 4 or batch.shape[1] != channels:
        raise InputError(f"{name} of shape {tuple(batch.shape)}; allowed is (N, {channels}, H, W)")
