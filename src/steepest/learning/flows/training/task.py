"""Train networks of the total variation flow."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Generator, Tensor, nn

from ....core.errors import InputError
from ...images import Source
from ...training.loop import TrainingResult, run_training
from ...training.streams import torch_stream
from ...training.task import Task
from ...weight_files import Registry
from ..mean_flux_loss import gap_loss
from ..weights import REGISTRY
from .config import TrainingConfig
from .data import OBJECTIVE, TRAINING, VALIDATION, draw_batch, open_data

_VALIDATION_SEED = 0  # independent of the training's seed, so that scores can be compared
_MOST_BATCHES = 32  # to validate on; not more than an epoch has


@dataclass(frozen=True, eq=False)
class FlowTask(Task):
    """The task of flow networks: images, an objective, and ``(u0, t)`` to validate on."""

    config: TrainingConfig
    device: torch.device
    source: Source
    batches: Sequence[tuple[Tensor, Tensor]]
    registry: ClassVar[Registry] = REGISTRY

    def build(self) -> nn.Module:
        """The configured network."""
        return self.registry.build(self.config.network_name, dict(self.config.network_config))

    def prepare(self, network: nn.Module, *, begin: bool) -> nn.Module:
        """The network with initial weights; `InputError` if they are of another network."""
        initial = self.config.initial
        if begin and initial is not None:
            first = self.registry.load(initial)
            if type(first) is not type(network) or first.config() != network.config():  # type: ignore[operator]
                raise InputError(
                    f"initial={initial!r} is a {type(first).__name__}; allowed is a "
                    f"{type(network).__name__} with the same network_config"
                )
            network.load_state_dict(first.state_dict())
        return network

    def objective(
        self, network: nn.Module, u0: Tensor, t: Tensor, generator: Generator
    ) -> Mapping[str, Tensor]:
        """``"total"``, to be minimised, and its terms, for images (N, 1, H, W) at times (N,)."""
        return gap_loss(network, u0, t, generator)

    def loss(self, network: nn.Module, step: int) -> Mapping[str, Tensor]:
        """The objective on random crops at random times."""
        config, recipe = self.config, self.config.recipe
        batch = draw_batch(self.source, config, recipe.seed, TRAINING, step, range(recipe.batch))
        u0, t = (tensor.to(self.device) for tensor in batch)
        generator = torch_stream(self.device, recipe.seed, OBJECTIVE, step)
        with torch.autocast(self.device.type, torch.bfloat16, recipe.precision == "bfloat16"):
            return self.objective(network, u0, t, generator)

    @torch.no_grad()
    def validate(self, network: nn.Module) -> Mapping[str, float]:
        """The objective on the fixed batches; its total is the score."""
        sums: dict[str, float] = {}
        for index, (u0, t) in enumerate(self.batches):
            generator = torch_stream(u0.device, _VALIDATION_SEED, OBJECTIVE, VALIDATION, index)
            for name, value in self.objective(network, u0, t, generator).items():
                sums[name] = sums.get(name, 0.0) + float(value) / len(self.batches)
        return {**sums, "score": sums["total"]}

    def save(self, network: nn.Module, path: Path, metadata: Mapping[str, Any]) -> None:
        """Write the network for `steepest.learning.load`, with the licences of the images."""
        self.registry.save(network, path, {**metadata, "data": dict(self.source.licences)})


def make_task(
    config: TrainingConfig, device: torch.device, kind: type[FlowTask] = FlowTask
) -> FlowTask:
    """Check the network, open the images and draw the validation batches of a task."""
    with torch.device("meta"):  # checks the settings before minutes are spent on images
        kind.registry.build(config.network_name, dict(config.network_config))
    seed, largest = config.recipe.seed, config.crop_range[1]
    source = open_data(config.data, held_out=False, largest_crop=largest, seed=seed)
    name, held_out = config.validation_data or config.data, config.validation_data is None
    other = open_data(name, held_out=held_out, largest_crop=largest)
    batches, images = [], range(config.recipe.batch)
    for index in range(min(_MOST_BATCHES, config.recipe.steps_per_epoch)):
        batch = draw_batch(other, config, _VALIDATION_SEED, VALIDATION, index, images)
        batches.append((batch[0].to(device), batch[1].to(device)))
    return kind(config, device, source, batches)


def train(
    config: TrainingConfig, folder: str | os.PathLike[str], **options: Any
) -> TrainingResult[TrainingConfig]:
    """Train the mean-flux network without ground truth, or continue a training.

    ``config`` are the settings; the defaults are those of the shipped weights' first training. What
    is written into ``folder``, the other options and the errors are those of
    `steepest.learning.training.run_training`. `steepest.learning.load` reads the weights.
    """
    return run_training(config, folder, make_task, **options)
