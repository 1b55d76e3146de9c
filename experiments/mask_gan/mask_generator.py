"""The mask generator."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import hardsigmoid

from steepest.core.numbers import check_choice, check_count

from .binarisation import BINARISATIONS, binarise
from .trunk import Hourglass, check_batch


class MaskGenerator(nn.Module):
    """Propose the mask $b = m(r, f)$ of the pixels to keep of an image f.

    The network is an `Hourglass` with one output channel, followed by a hard sigmoid and
    `binarise`.

    Parameters
    ----------
    channels, base_channels : int
        See `InpaintingGenerator`.
    binarisation : str
        How the confidence becomes a mask in training mode, one of `BINARISATIONS`. Since "noise"
        does not give a mask, evaluation mode rounds the confidences instead.

    Raises
    ------
    InputError
        If an argument is not allowed.

    Notes
    -----
    Source: section 3 of the paper. r has the shape of the images, so the input has 2 C channels.
    """

    def __init__(
        self,
        channels: int = 3,
        base_channels: int = 128,
        binarisation: str = "hard",
    ) -> None:
        super().__init__()
        self.channels = check_count(channels, "channels")
        self.binarisation = check_choice(binarisation, "binarisation", BINARISATIONS)
        self.trunk = Hourglass(2 * self.channels, 1, base_channels)

    @property
    def final(self) -> str:
        """The binarisation in evaluation mode: ``binarisation``, or "hard" in place of "noise"."""
        return "hard" if self.binarisation == "noise" else self.binarisation

    def logits(self, seed: Tensor, images: Tensor) -> Tensor:
        """The input of the hard sigmoid, (N, 1, H, W).

        It has the same order as the confidence, but no ties where the confidence is 0 or 1.

        Raises
        ------
        InputError
            If ``seed`` and ``images`` are not both (N, C, H, W).
        """
        check_batch(images, self.channels, "images")
        check_batch(seed, self.channels, "seed")
        found: Tensor = self.trunk(torch.cat([seed, images], 1))
        return found

    def confidence(self, seed: Tensor, images: Tensor) -> Tensor:
        """The confidence in [0, 1], (N, 1, H, W): the hard sigmoid of `logits`."""
        return hardsigmoid(self.logits(seed, images))

    def forward(
        self, seed: Tensor, images: Tensor, generator: torch.Generator | None = None
    ) -> Tensor:
        """The mask, (N, 1, H, W), with the straight-through gradient.

        Its values are 0 and 1, except in training mode with ``binarisation="noise"``. ``images``
        are (N, C, H, W) with values in [0, 1], ``seed`` is from `draw_seed`, and ``generator``
        draws the random numbers of the binarisation.
        """
        method = self.binarisation if self.training else self.final
        return binarise(self.confidence(seed, images), method, generator)
