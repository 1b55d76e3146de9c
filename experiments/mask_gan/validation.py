"""Validation on fixed crops with fixed random numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from steepest.learning.images import Source
from steepest.learning.training.streams import torch_stream

from . import diffusion
from .config import MaskTrainingConfig
from .gan import MaskGAN, evaluate
from .losses import mask_loss, mean_absolute_error
from .ranking import random_masks
from .sampling import NOISE, VALIDATION, draw_crops
from .terms import propose
from .trunk import draw_seed

NAMES = ("error", "density", "psnr", "score")
_SEED = 0  # independent of the training's seed, so that scores of trainings can be compared


@dataclass(frozen=True, eq=False)
class Validation:
    """Fixed batches of held-out crops."""

    config: MaskTrainingConfig
    batches: Sequence[Tensor]

    @torch.no_grad()
    def __call__(self, network: nn.Module) -> dict[str, float]:
        """The quantities `NAMES`, averaged over the batches.

        - "error": mean absolute error.
        - "density": share of known pixels.
        - "psnr": PSNR of each image in dB for data range 1, averaged.
        - "score": Eq. (4).
        """
        sums = dict.fromkeys(NAMES, 0.0)
        for index, images in enumerate(self.batches):
            random = torch_stream(images.device, _SEED, NOISE, VALIDATION, index)
            mask, inpainted = reconstruct(network, images, self.config, random)
            square = (inpainted - images).square().flatten(1).mean(1).clamp(min=1e-12)
            found = {
                "error": mean_absolute_error(inpainted, images).mean(),
                "density": mask.mean(),
                "psnr": -10 * square.log10().mean(),
                "score": mask_loss(mask, inpainted, images, self.config.density, self.config.beta),
            }
            for name, value in found.items():
                sums[name] += float(value) / len(self.batches)
        return sums


def make_validation(source: Source, config: MaskTrainingConfig, device: torch.device) -> Validation:
    """Draw the validation batches."""
    images = range(config.recipe.batch)
    batches = [
        draw_crops(source, config.crop, _SEED, VALIDATION, index, images).to(device)
        for index in range(config.validation_batches)
    ]
    return Validation(config, batches)


def reconstruct(
    network: Any, images: Tensor, config: MaskTrainingConfig, random: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Masks (N, 1, H, W) and the images inpainted from them, by the networks of the mode."""
    gan: MaskGAN = network
    if gan.mask is None:
        mask = random_masks(images, config.density, random)
    else:
        mask = propose(gan, images, config, random)
    if gan.generator is None:
        return mask, diffusion.diffuse(images, mask)
    seed = draw_seed(images, random)
    return mask, evaluate(gan.generator, config.recipe.precision, seed, mask, mask * images)
