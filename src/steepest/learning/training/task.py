"""What a training needs to know of its subject, and what several subjects share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import nn

from .recipe import Recipe


class Task(Protocol):
    """The subject of a training: network, images, loss, validation, files of weights.

    It is made by ``make_task(recipe, team)`` of :func:`.loop.run_training`, in every process, when
    the folder has been looked at and nothing is written yet: data are opened there, and whatever is
    wrong with the settings is refused with an ``InputError``. Nothing in it changes during the
    training: all that is random is drawn from counters (:mod:`.streams`), so that a resumed
    training is the same bit for bit. What draws from torch's global state during :meth:`loss`, as
    dropout does, finds it set from the step.
    """

    def make_network(self, device: torch.device, *, begin: bool) -> nn.Module:
        """The network to train, on ``device``, its weights drawn from the recipe's seed.

        ``begin`` False: its weights will come from a checkpoint; others need not be read.
        """

    def build(self) -> nn.Module:
        """A network on the CPU whose ``state_dict`` has the keys and shapes of the trained one.

        It takes the best weights, is saved by :meth:`save` and returned to the user.
        """

    def rehearse(self, network: nn.Module) -> None:
        """Try what may fail (options of the loss, say) before anything is written.

        Raises
        ------
        InputError
            It did; the message says what to change.
        """

    def loss(
        self, network: nn.Module, step: int, part: int, images: range
    ) -> Mapping[str, torch.Tensor]:
        """``"total"``, a scalar to be minimised, and the terms to be logged, the same every step.

        ``images`` are the numbers, within the batch of this ``step`` (from 0), of the images in
        ``part``; "total" is their mean. The network is in training mode and on the team's device,
        to which the task brings the images; autocast is the task's as well
        (:class:`.precision.InBfloat16`).
        """

    def validate(self, network: nn.Module) -> Mapping[str, float]:
        """``"score"``, the recipe's criterion (small is good), and whatever else shall be logged.

        The network is in evaluation mode. All processes call this and must find the same score.
        """

    def validation_names(self, terms: Sequence[str]) -> Iterable[str]:
        """The keys that :meth:`validate` returns; ``terms`` are those of the loss."""

    def save(self, network: nn.Module, path: Path, metadata: Mapping[str, Any]) -> None:
        """Write ``path.safetensors`` and ``path.json``, replacing those that are there."""

    def metadata(self) -> Mapping[str, Any]:
        """What is noted beside the weights, besides recipe and time: the licences of the data."""

    def hint(self, network: nn.Module) -> str:
        """What to change first when the loss is no longer finite; "" where nothing is known.

        It goes on "the loss is nan in epoch 3: ", as in "the layers amplify 1e5 times: set
        max_gain=100".
        """


def seeded(build: Callable[[], nn.Module], seed: int) -> nn.Module:
    """``build()`` with weights drawn from ``seed``; the global random state stays as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build()


def placed(network: nn.Module, recipe: Recipe, device: torch.device) -> nn.Module:
    """The network in the recipe's memory format, on ``device``."""
    if recipe.channels_last:
        network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network.to(device)
