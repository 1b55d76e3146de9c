"""Train networks of the total variation flow."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ....core.errors import InputError
from ....core.progress import Callback
from ...training.distributed import Team
from ...training.loop import TrainingResult, run_training
from ...training.sources import Source
from ...training.streams import torch_stream
from ...training.task import Task
from ..objectives import Objective, check_objective, find_objective
from ..weights import REGISTRY
from .config import TrainingConfig
from .data import open_data
from .sampling import OBJECTIVE, TRAINING, draw_batch
from .validation import Validation, make_validation


@dataclass(frozen=True, eq=False)
class FlowTask(Task):
    """The task of flow networks: a network, an objective and images."""

    config: TrainingConfig
    device: torch.device
    objective: Objective
    source: Source
    validation: Validation

    def build(self) -> nn.Module:
        """The configured network."""
        return REGISTRY.build(self.config.network, dict(self.config.network_config))

    def prepare(self, network: nn.Module, *, begin: bool) -> nn.Module:
        """The network with the configured initial weights, if there are any.

        Raises `InputError` if they belong to another network.
        """
        initial = self.config.initial
        if begin and initial is not None:
            first = REGISTRY.load(initial)
            if type(first) is not type(network) or first.config() != network.config():  # type: ignore[operator]
                raise InputError(
                    f"initial={initial!r} is a {type(first).__name__}; allowed is a "
                    f"{type(network).__name__} with the same network_config"
                )
            network.load_state_dict(first.state_dict())
        return network

    def rehearse(self, network: nn.Module) -> None:
        """Try the options of the objective on two samples."""
        options = self.config.objective_options
        if not options:
            return
        u0, t = (tensor[:2] for tensor in self.validation.batches[0])
        try:
            with torch.no_grad():
                self.objective(network, u0, t, torch.Generator(u0.device))
        except InputError:
            raise
        except (TypeError, ValueError, RuntimeError) as error:
            raise InputError(f"objective_options={dict(options)!r}: {error}") from None

    def loss(self, network: nn.Module, step: int, part: int, images: range) -> Mapping[str, Tensor]:
        """The objective on random crops at random times."""
        config = self.config
        batch = draw_batch(self.source, config, config.seed, TRAINING, step, images)
        u0, t = (tensor.to(self.device) for tensor in batch)
        generator = torch_stream(self.device, config.seed, OBJECTIVE, step, part)
        with torch.autocast(self.device.type, torch.bfloat16, config.precision == "bfloat16"):
            return self.objective(network, u0, t, generator)

    def validate(self, network: nn.Module) -> Mapping[str, float]:
        """The objective and the criterion on fixed crops at fixed times."""
        return self.validation(network)

    def validation_names(self, terms: Sequence[str]) -> list[str]:
        """The terms of the objective and ``"score"``."""
        return [*terms, "score"]

    def save(self, network: nn.Module, path: Path, metadata: Mapping[str, Any]) -> None:
        """Write the network for :func:`steepest.learning.load`, with the licences of the images."""
        REGISTRY.save(network, path, {**metadata, "data": dict(self.source.licences)})


def make_task(config: TrainingConfig, team: Team) -> FlowTask:
    """Open the images and draw the validation batches.

    Raises `InputError` if the network, the objective, an option or the data are unknown, or the
    objective is not for this network.
    """
    with torch.device("meta"):  # checks the settings before minutes are spent on images
        network = REGISTRY.build(config.network, dict(config.network_config))
    check_objective(config.objective, network)
    objective = find_objective(config.objective, config.objective_options)
    images = partial(open_data, largest_crop=config.crop_range[1])
    source = images(config.data, held_out=False, seed=config.seed)
    held_out = config.validation_data is None
    other = images(config.validation_data or config.data, held_out=held_out)
    validation = make_validation(other, config, objective, team.device)
    return FlowTask(config, team.device, objective, source, validation)


def train(
    config: TrainingConfig,
    folder: str | os.PathLike[str],
    *,
    on_epoch: Callback | None = None,
    on_step: Callback | None = None,
    resume: bool = True,
) -> TrainingResult[TrainingConfig]:
    """Train a network without ground truth.

    Writes into ``folder``:

    - ``log.csv``, with one row per epoch;
    - ``checkpoint.json`` and a safetensors file, from which an interrupted training resumes;
    - ``weights.safetensors`` and ``weights.json``, the best network so far, for
      :func:`steepest.learning.load`.

    Parameters
    ----------
    config : TrainingConfig
        The recipe; :data:`.presets.PRESETS` has some.
    folder, on_epoch, on_step, resume
        See `steepest.learning.training.run_training`, also on interrupted trainings and on several
        processes.

    Returns
    -------
    TrainingResult

    Raises
    ------
    InputError, NotConverged, KeyboardInterrupt
        As `steepest.learning.training.run_training`.
    """
    return run_training(
        config, folder, make_task, on_epoch=on_epoch, on_step=on_step, resume=resume
    )
