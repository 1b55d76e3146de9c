"""The inpainting generator."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import hardsigmoid

from ...core.numbers import check_choice, check_count
from .blocks import check_channels
from .trunk import NOISES, Hourglass, check_batch


class InpaintingGenerator(nn.Module):
    r"""Fill in an image from its known pixels, by Eq. (1) of the paper:

    $u(r, c, Cf) = (I - C)\, g(r, c, Cf) + C f$.

    Here $c$ is the confidence (1: known), $Cf$ the known values, $r$ a random seed, and $g$ an
    `Hourglass` followed by a hard sigmoid, $\min(1, \max(0, x/6 + 1/2))$.

    Parameters
    ----------
    channels : int
        1 for greyscale images, 3 for colour.
    base_channels : int
        Width, a positive multiple of 4; 128 in the paper, where the colour network has 11,502,339
        weights.
    noise : str
        The kind of random seed (`draw_seed`): "uniform", as in the paper, or "normal", with
        standard deviation 0.1 and zero at known pixels, as in a published network of this family.

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

    def __init__(self, channels: int = 3, base_channels: int = 128, noise: str = "uniform") -> None:
        super().__init__()
        self.channels = check_count(channels, "channels")
        self.base_channels = check_channels(base_channels, "base_channels")
        self.noise = check_choice(noise, "noise", NOISES)
        self.trunk = Hourglass(2 * self.channels + 1, self.channels, self.base_channels)

    def config(self) -> dict[str, Any]:
        """Constructor arguments that JSON can store."""
        names = ("channels", "base_channels", "noise")
        return {name: getattr(self, name) for name in names}

    def forward(self, seed: Tensor, confidence: Tensor, known: Tensor) -> Tensor:
        """The inpainted images, (N, C, H, W); where c = 1 they equal ``known`` exactly.

        Parameters
        ----------
        seed : tensor (N, C, H, W)
            Random seed from `draw_seed`.
        confidence : tensor (N, 1, H, W)
            Values in [0, 1]; 0 and 1 for a mask.
        known : tensor (N, C, H, W)
            $Cf$: the images times the confidence.

        Raises
        ------
        InputError
            If a shape is wrong.
        """
        check_batch(seed, self.channels, "seed")
        check_batch(confidence, 1, "confidence")
        check_batch(known, self.channels, "known")
        unknown = 1 - confidence
        if self.noise == "normal":
            seed = unknown * seed
        proposed = hardsigmoid(self.trunk(torch.cat([seed, confidence, known], 1)))
        return unknown * proposed + known
