"""The U-Net of the inverse-evolution-layers paper, for segmentation."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from steepest.core.errors import InputError
from steepest.core.numbers import check_count

from .inputs import check_ends, check_images, enlarged

_SLOPE = 0.01
_DEEPEST = 8


def _block(before: int, after: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for width in (before, after):
        # No bias: the normalisation removes the mean.
        layers += [
            nn.Conv2d(width, after, 3, padding=1, bias=False),
            nn.InstanceNorm2d(after, affine=True),
            nn.LeakyReLU(_SLOPE),
        ]
    return nn.Sequential(*layers)


class _Up(nn.Module):
    """Upsample by 2, concatenate the finer level, apply a block of two convolutions."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.enlarge = nn.ConvTranspose2d(before, after, 2, stride=2)
        self.block = _block(2 * after, after)

    def forward(self, coarse: Tensor, fine: Tensor) -> Tensor:
        return self.block(torch.cat([fine, self.enlarge(coarse)], 1))


class SegmentationUNet(nn.Module):
    """Encoder and decoder over ``depth`` levels; images (N, C, H, W) to logits (N, K, H, W).

    Each level has two 3x3 convolutions with zero padding, each followed by instance normalisation
    (with weights) and a leaky ReLU of slope 0.01. Level l has ``2^l base`` channels. The encoder
    uses 2x2 max pooling between levels, the decoder 2x2 transposed convolutions of stride 2 and
    concatenation. The last layer is a 1x1 convolution.

    Images may have any size. The last row and column are repeated until height and width are
    multiples of ``2^(depth-1)`` (at least two times that, because the coarsest level needs two
    pixels to normalise), and the logits are cropped to the size of the image.

    Parameters
    ----------
    in_channels : int
        1 for greyscale images, 3 for colour.
    num_classes : int
        K, including the background; at least 2.
    base : int
        Number of channels of the finest level; 64 in the original U-Net, 8 or 16 on a CPU.
    depth : int
        Number of levels, 1 to 8; 5 in the paper.

    Raises
    ------
    InputError
        If an argument is not a positive integer, ``num_classes`` is 1, or ``depth`` is above 8.

    Notes
    -----
    Source: inverse-evolution-layers paper, section 3.2.1 (depth, kernels, normalisation,
    activation, pooling); Ronneberger et al. (2015) for the channels. The paper does not specify the
    weights of the normalisation, the slope, and whether convolutions have a bias.
    """

    def __init__(self, in_channels: int, num_classes: int, base: int = 64, depth: int = 5) -> None:
        super().__init__()
        self.in_channels, self.num_classes = check_ends(in_channels, num_classes)
        self.base = check_count(base, "base")
        self.depth = check_count(depth, "depth")
        if self.depth > _DEEPEST:
            raise InputError(f"depth={depth!r}; allowed are 1 to {_DEEPEST}")
        widths = [self.base * 2**level for level in range(self.depth)]
        pairs = list(zip(widths[:-1], widths[1:], strict=True))
        self.first = _block(self.in_channels, widths[0])
        self.pool = nn.MaxPool2d(2)
        self.down = nn.ModuleList(_block(fine, coarse) for fine, coarse in pairs)
        self.up = nn.ModuleList(_Up(coarse, fine) for fine, coarse in reversed(pairs))
        self.last = nn.Conv2d(widths[0], self.num_classes, 1)

    def config(self) -> dict[str, Any]:
        """Constructor arguments that JSON can store: ``SegmentationUNet(**config())``."""
        return {
            "in_channels": self.in_channels,
            "num_classes": self.num_classes,
            "base": self.base,
            "depth": self.depth,
        }

    def forward(self, images: Tensor) -> Tensor:
        """Logits of images in [0, 1].

        Raises
        ------
        InputError
            If ``images`` are not (N, in_channels, H, W).
        """
        check_images(images, self.in_channels)
        height, width = images.shape[2:]
        levels = [self.first(enlarged(images, 2 ** (self.depth - 1)))]
        for down in self.down:
            levels.append(down(self.pool(levels[-1])))
        x = levels.pop()
        for up in self.up:
            x = up(x, levels.pop())
        logits: Tensor = self.last(x)
        return logits[..., :height, :width]
