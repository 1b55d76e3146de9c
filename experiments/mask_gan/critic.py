"""The critic: a network with weights of norm 1 that estimates a Wasserstein distance."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, leaky_relu, linear

from steepest.core.numbers import check_count

from .blocks import KERNEL, check_channels
from .trunk import check_batch

_SLOPE = 0.2
_WIDTHS = (1, 2, 4, 4, 4)  # times half the base
_TINY = 1e-12


def normalised(weight: Tensor) -> Tensor:
    """The weight of a layer divided by its 2-norm."""
    return weight / weight.square().sum().sqrt().clamp(min=_TINY)


class FBlock(nn.Module):
    """5x5 convolution of stride 2 with a normalised weight, then leaky ReLU of slope 0.2.

    Maps (N, in, H, W) to (N, out, ceil(H/2), ceil(W/2)), with zero padding of 2.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        plain = nn.Conv2d(in_channels, out_channels, KERNEL)
        self.weight, self.bias = plain.weight, plain.bias

    def forward(self, x: Tensor) -> Tensor:
        weight = normalised(self.weight)
        return leaky_relu(conv2d(x, weight, self.bias, stride=2, padding=KERNEL // 2), _SLOPE)


class Critic(nn.Module):
    """$d(u, c)$: one number per image, large for images that look like photographs.

    Five `FBlock` of b/2, b, 2b, 2b, 2b channels (``b = base_channels``), the mean over the
    remaining pixels, and a linear map. The input stacks images and confidence: C + 1 channels.

    Parameters
    ----------
    channels : int
        Number of channels of the images.
    base_channels : int
        Width, a positive multiple of 4; 128 corresponds to the paper's other networks.

    Raises
    ------
    InputError
        If an argument is not allowed.

    Notes
    -----
    *Source.* Section 2 and Fig. 1 of the paper: 5x5, stride 2, leaky ReLU, weights "normalised to 1
    in the 2-norm". The number of blocks, the widths, the slope and the mean are reconstructed.

    *Deviations.* (a) Zero padding: without it five blocks need 125 pixels per side and 64x64 images
    cannot be judged. (b) The weight is divided by its norm whenever it is used, instead of being
    normalised after every step.

    *Lipschitz constants.* A pixel lies in at most 9 windows of 5x5 with stride 2, so a block whose
    weight has Frobenius norm F has a Lipschitz constant of at most 3 F, here 3. The values of a new
    critic are small (about 1e-6 for b = 16) and grow within a hundred steps of Adam. With every
    filter of norm 1 instead, a small training diverged.
    """

    def __init__(self, channels: int = 3, base_channels: int = 128) -> None:
        super().__init__()
        self.channels = check_count(channels, "channels")
        base = check_channels(base_channels, "base_channels")
        widths = [self.channels + 1, *(n * base // 2 for n in _WIDTHS)]
        pairs = zip(widths[:-1], widths[1:], strict=True)
        self.blocks = nn.Sequential(*(FBlock(before, after) for before, after in pairs))
        self.last = nn.Linear(widths[-1], 1, bias=False)  # a bias would cancel in Eq. (2)

    def forward(self, images: Tensor, confidence: Tensor) -> Tensor:
        """Map images (N, C, H, W) and confidences (N, 1, H, W) of any size to values (N,).

        Raises
        ------
        InputError
            If a shape is wrong.
        """
        check_batch(images, self.channels, "images")
        check_batch(confidence, 1, "confidence")
        features = self.blocks(torch.cat([images, confidence], 1)).mean((2, 3))
        return linear(features, normalised(self.last.weight))[:, 0]
