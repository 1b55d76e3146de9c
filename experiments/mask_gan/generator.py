"""The inpainting generator."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import hardsigmoid

from steepest.core.numbers import check_count

from .trunk import Hourglass, check_batch


class InpaintingGenerator(nn.Module):
    r"""Fill in an image from its known pixels, by Eq. (1) of the paper:

    $u(r, c, Cf) = (I - C)\, g(r, c, Cf) + C f$.

    Here $c$ is the confidence (1: known), $Cf$ the known values, $r$ a random seed, and $g$ an
    `Hourglass` followed by a hard sigmoid, $\min(1, \max(0, x/6 + 1/2))$. ``channels`` is 1 for
    greyscale images and 3 for colour; with ``base_channels=128`` the colour network has the paper's
    11.5 million weights.

    Raises
    ------
    InputError
        If an argument is not allowed.

    Notes
    -----
    Sources: Eq. (1), Fig. 1. The paper's $c$ has one entry per value. Since the channels of a pixel
    are either all known or all unknown, one channel suffices, and the input has 2 C + 1 channels.
    The paper's hard sigmoid may be that of Keras, with slope 1/5; this one is torch's, with slope
    1/6.
    """

    def __init__(self, channels: int = 3, base_channels: int = 128) -> None:
        super().__init__()
        self.channels = check_count(channels, "channels")
        self.trunk = Hourglass(2 * self.channels + 1, self.channels, base_channels)

    def forward(self, seed: Tensor, confidence: Tensor, known: Tensor) -> Tensor:
        """The inpainted images, (N, C, H, W); where c = 1 they equal ``known`` exactly.

        ``seed`` (N, C, H, W) is from `draw_seed`, ``confidence`` (N, 1, H, W) in [0, 1], and
        ``known`` is $Cf$: the images times the confidence.

        Raises
        ------
        InputError
            If a shape is wrong.
        """
        check_batch(seed, self.channels, "seed")
        check_batch(confidence, 1, "confidence")
        check_batch(known, self.channels, "known")
        proposed = hardsigmoid(self.trunk(torch.cat([seed, confidence, known], 1)))
        return (1 - confidence) * proposed + known
