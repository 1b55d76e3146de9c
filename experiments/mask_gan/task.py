"""The training task for mask networks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from steepest.learning.images import Source, open_photographs
from steepest.learning.training.streams import torch_stream
from steepest.learning.training.task import Task

from . import weights
from .config import MaskTrainingConfig
from .gan import MaskGAN
from .sampling import NOISE, TRAINING, draw_crops
from .terms import TERMS
from .validation import Validation, make_validation


@dataclass(frozen=True, eq=False)
class MaskTask(Task):
    """The task of mask networks: networks, losses and images."""

    config: MaskTrainingConfig
    device: torch.device
    source: Source
    validation: Validation

    def build(self) -> nn.Module:
        """The networks of the mode in one module."""
        c = self.config
        return MaskGAN(c.mode, c.channels, c.base_channels, c.binarisation)

    def loss(self, network: Any, step: int) -> Mapping[str, Tensor]:
        """The losses of the mode on random crops."""
        config, recipe = self.config, self.config.recipe
        images = range(recipe.batch)
        batch = draw_crops(self.source, config.crop, recipe.seed, TRAINING, step, images)
        random = torch_stream(self.device, recipe.seed, NOISE, TRAINING, step)
        return TERMS[config.mode](network, batch.to(self.device), config, random)

    def validate(self, network: nn.Module) -> Mapping[str, float]:
        """Eq. (4), error, density and PSNR on fixed crops."""
        return self.validation(network)

    def save(self, network: nn.Module, path: Path, metadata: Mapping[str, Any]) -> None:
        """Write the networks for `experiments.mask_gan.load`, with the licences of the images."""
        weights.save(network, path, {**metadata, "data": dict(self.source.licences)})


def make_task(config: MaskTrainingConfig, device: torch.device) -> MaskTask:
    """Open the images and draw the validation batches.

    Raises `InputError` if the images do not exist, or none is as large as the crops.
    """
    source = open_photographs(config.data, held_out=False, channels=config.channels)
    other = open_photographs(
        config.validation_data or config.data,
        held_out=config.validation_data is None,
        channels=config.channels,
    )
    validation = make_validation(other, config, device)
    return MaskTask(config, device, source, validation)
