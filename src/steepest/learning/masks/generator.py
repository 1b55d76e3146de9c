"""The inpainting generator."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import hardsigmoid

from ...core.numbers import check_count
from .blocks import check_channels
from .trunk import Hourglass, check_batch, check_noise


class InpaintingGenerator(nn.Module):
    r"""Fills an image from its known pixels: Eq. (1) of the paper,

    $u(r, c, Cf) = (I - C)\, g(r, c, Cf) + C f$,

    where $c$ is the confidence (1: known), $Cf$ the known values, $r$ a random seed and $g$ an
    `Hourglass` with a hard sigmoid, $\min(1, \max(0, x/6 + 1/2))$, at its end.

    Parameters
    ----------
    channels : int
        1 for grey, 3 for colour.
    base_channels : int
        Width; 128 in the paper, where the network for colour has 11,502,339 weights.
    noise : str
        What r is (`draw_seed`): "uniform", as in the paper, or "normal", of deviation 0.1 and zero
        at known pixels, as in a published network of this family.

    Raises
    ------
    InputError
        An argument is not allowed.

    Notes
    -----
    Sources: Eq. (1), Fig. 1. The paper's $c$ has an entry for every value; all channels of a pixel
    are known or not together, so that one channel suffices: the input has 2 C + 1 channels. Its
    hard sigmoid may be that of Keras, of slope 1/5; this one is torch's, of slope 1/6.
    """

    def __init__(self, channels: int = 3, base_channels: int = 128, noise: str = "uniform") -> None:
        super().__init__()
        self.channels = check_count(channels, "channels")
        self.base_channels = check_channels(base_channels, "base_channels")
        self.noise = check_noise(noise)
        self.trunk = Hourglass(2 * self.channels + 1, self.channels, self.base_channels)

    def config(self) -> dict[str, Any]:
        """Constructor arguments (JSON-able)."""
        return {
            "channels": self.channels,
            "base_channels": self.base_channels,
            "noise": self.noise,
        }

    def forward(self, seed: Tensor, confidence: Tensor, known: Tensor) -> Tensor:
        """The inpainted images, (N, C, H, W); where c = 1 they are ``known`` to the bit.

        Parameters
        ----------
        seed : (N, C, H, W)
            From `draw_seed`.
        confidence : (N, 1, H, W)
            In [0, 1]; 0 and 1 for a mask.
        known : (N, C, H, W)
            $Cf$: the images times the confidence.

        Raises
        ------
        InputError
            Other shapes.
        """
        check_batch(seed, self.channels, "seed")
        check_batch(confidence, 1, "confidence")
        check_batch(known, self.channels, "known")
        unknown = 1 - confidence
        if self.noise == "normal":
            seed = unknown * seed
        proposed = hardsigmoid(self.trunk(torch.cat([seed, confidence, known], 1)))
        return unknown * proposed + known
