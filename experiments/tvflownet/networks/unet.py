"""U-Net of the paper: three encoder and three decoder blocks, 272,972 parameters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from steepest.core.errors import InputError
from steepest.core.numbers import check_count

from .paper_network import PaperNetwork, network_input, split_output


def _convolution(before: int, after: int, kernel: int = 3, stride: int = 1) -> nn.Sequential:
    layer = nn.Conv2d(before, after, kernel, stride, padding=kernel // 2)
    return nn.Sequential(layer, nn.Softplus())


class _Up(nn.Module):
    """Upsample by 2, concatenate the finer scale after a 1x1 convolution, convolve twice."""

    def __init__(self, before: int, after: int, skip: int) -> None:
        super().__init__()
        self.skip = _convolution(after, skip, 1)
        self.layers = nn.Sequential(_convolution(before + skip, after), _convolution(after, after))

    def forward(self, coarse: Tensor, fine: Tensor) -> Tensor:
        # Double and crop instead of stretching to fit: coarse pixel k then lies on fine pixel 2k
        # at any size, which keeps the network equivariant to shifts.
        up = interpolate(coarse, scale_factor=2.0, mode="bilinear", align_corners=False)
        up = up[..., : fine.shape[2], : fine.shape[3]]
        return self.layers(torch.cat([up, self.skip(fine)], 1))


class UNet(PaperNetwork):
    """Encoder and decoder over four scales; ``u`` is a residual to ``u0``, ``phi`` is not.

    The layers are:

    - a 3x3 convolution 4 -> 32;
    - three encoder blocks to 32, 64, 64 channels: a 3x3 convolution of stride 2, a 3x3 convolution;
    - three decoder blocks to 64, 32, 32 channels: bilinear upsampling by 2, concatenation with the
      encoder's output at that scale after a 1x1 convolution to 3 channels, two 3x3 convolutions;
    - a 1x1 convolution to 3 channels.

    Softplus follows every convolution except the last. There is no normalisation; convolutions pad
    with zeros. Images may have any size from 8x8: odd sizes are halved rounding up, and upsampled
    features are cropped. Away from the boundary, the network is equivariant to shifts by 8 pixels.

    Parameters
    ----------
    channels : sequence of ints
        Number of channels at each scale, fine to coarse (default 32, 32, 64, 64); at least two.
    skip_channels : int
        Number of channels of the skip connections (default 3).

    Notes
    -----
    Source: Grossmann et al., section 3.2.1, which gives the number of blocks, the activation and
    272,972 parameters. The blocks are those of the U-Net of the dival library. With kernel sizes of
    1 or 3 in each layer, one or two first convolutions, and 3 or 4 skip channels, this is the only
    combination with that number of parameters. Counting parameters does not determine how the
    interpolation treats corners; dival aligns them, which depends on the image's size, and this
    network does not.
    """

    MIN_SIZE = 8

    def __init__(self, channels: Sequence[int] = (32, 32, 64, 64), skip_channels: int = 3) -> None:
        super().__init__()
        if isinstance(channels, (str, bytes)) or not isinstance(channels, Sequence):
            raise InputError(f"channels={channels!r} must be a sequence of positive integers")
        if len(channels) < 2:
            raise InputError(f"channels={channels!r} must have at least two scales")
        self.channels = tuple(check_count(width, "channels") for width in channels)
        self.skip_channels = check_count(skip_channels, "skip_channels")
        pairs = list(zip(self.channels[:-1], self.channels[1:], strict=True))
        self.first = _convolution(4, self.channels[0])
        self.down = nn.ModuleList(
            nn.Sequential(_convolution(fine, coarse, stride=2), _convolution(coarse, coarse))
            for fine, coarse in pairs
        )
        self.up = nn.ModuleList(
            _Up(coarse, fine, self.skip_channels) for fine, coarse in reversed(pairs)
        )
        self.last = nn.Conv2d(self.channels[0], 3, 1)

    def config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {"channels": list(self.channels), "skip_channels": self.skip_channels}

    def evolve(self, v0: Tensor, tau: Tensor, phi0: Tensor) -> tuple[Tensor, Tensor]:
        """See `PaperNetwork.evolve`."""
        scales = [self.first(network_input(v0, tau, phi0))]
        for down in self.down:
            scales.append(down(scales[-1]))
        x = scales.pop()
        for up in self.up:
            x = up(x, scales.pop())
        return split_output(self.last(x))
