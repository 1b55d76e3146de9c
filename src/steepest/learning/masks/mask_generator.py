"""The mask generator."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import hardsigmoid

from ...core.errors import InputError
from ...core.numbers import check_count
from .binarisation import BINARISATIONS, binarise
from .blocks import check_channels
from .trunk import Hourglass, check_batch, check_noise


class MaskGenerator(nn.Module):
    """Proposes the mask $b = m(r, f)$ of pixels to keep of an image f.

    An `Hourglass` whose last layer has one channel, a hard sigmoid, and `binarise`.

    Parameters
    ----------
    channels : int
        Of the images: 1 for grey, 3 for colour.
    base_channels : int
        Width; 128 in the paper, where the network for colour has 11,492,737 weights.
    noise : str
        What r is, see `InpaintingGenerator`.
    binarisation : str
        What is done to the confidence, one of `BINARISATIONS`. Of additive noise comes no mask: in
        evaluation mode, confidences are rounded instead.

    Raises
    ------
    InputError
        An argument is not allowed.

    Notes
    -----
    Source: section 3 of the paper. r has the shape of the images, so the input has 2 C channels.
    """

    def __init__(
        self,
        channels: int = 3,
        base_channels: int = 128,
        noise: str = "uniform",
        binarisation: str = "hard",
    ) -> None:
        super().__init__()
        self.channels = check_count(channels, "channels")
        self.base_channels = check_channels(base_channels, "base_channels")
        self.noise = check_noise(noise)
        if binarisation not in BINARISATIONS:
            allowed = ", ".join(BINARISATIONS)
            raise InputError(f"binarisation={binarisation!r}; allowed are {allowed}")
        self.binarisation = binarisation
        self.trunk = Hourglass(2 * self.channels, 1, self.base_channels)

    @property
    def final(self) -> str:
        """How masks are made in evaluation mode: by ``binarisation``, but rounded for "noise"."""
        return "hard" if self.binarisation == "noise" else self.binarisation

    def config(self) -> dict[str, Any]:
        """Constructor arguments (JSON-able)."""
        return {
            "channels": self.channels,
            "base_channels": self.base_channels,
            "noise": self.noise,
            "binarisation": self.binarisation,
        }

    def logits(self, seed: Tensor, images: Tensor) -> Tensor:
        """What goes into the hard sigmoid, (N, 1, H, W): ordered as the confidence, without ties.

        Raises
        ------
        InputError
            ``seed`` and ``images`` are not both (N, C, H, W).
        """
        check_batch(images, self.channels, "images")
        check_batch(seed, self.channels, "seed")
        found: Tensor = self.trunk(torch.cat([seed, images], 1))
        return found

    def confidence(self, seed: Tensor, images: Tensor) -> Tensor:
        """In [0, 1], (N, 1, H, W): `logits` through the hard sigmoid."""
        return hardsigmoid(self.logits(seed, images))

    def forward(
        self, seed: Tensor, images: Tensor, generator: torch.Generator | None = None
    ) -> Tensor:
        """The mask, (N, 1, H, W), of zeros and ones, with the straight-through gradient.

        ``images`` are (N, C, H, W) with values in [0, 1], ``seed`` is from `draw_seed`, and
        ``generator`` draws the random numbers of the binarisation.
        """
        method = self.binarisation if self.training else self.final
        return binarise(self.confidence(seed, images), method, generator)
