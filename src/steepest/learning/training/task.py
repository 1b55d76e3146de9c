"""The interface of a training task, and helpers for tasks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import nn

from .recipe import Recipe


class Task(Protocol):
    """What a training is about: network, images, loss, validation and weight files.

    :func:`.loop.run_training` calls ``make_task(recipe, team)`` in every process, after it has
    checked the folder and before it writes anything. ``make_task`` opens the data and raises an
    ``InputError`` if a setting is wrong.

    A task does not change during the training. It draws all random numbers from counters
    (:mod:`.streams`), so that a resumed training is the same bit for bit. During :meth:`loss`
    torch's global random state, as used by dropout, is also set from the step.
    """

    def make_network(self, device: torch.device, *, begin: bool) -> nn.Module:
        """The network to train, on ``device``, with weights drawn from the recipe's seed.

        If ``begin`` is False, the weights will come from a checkpoint, and initial ones need not
        be read.
        """

    def build(self) -> nn.Module:
        """A network on the CPU whose ``state_dict`` has the keys and shapes of the trained one.

        The best weights are loaded into it; then :meth:`save` saves it and the user gets it.
        """

    def rehearse(self, network: nn.Module) -> None:
        """Try everything that may fail, such as options of the loss, before files are written.

        Raises `InputError` if something fails; the message says what to change.
        """

    def loss(
        self, network: nn.Module, step: int, part: int, images: range
    ) -> Mapping[str, torch.Tensor]:
        """``"total"``, a scalar to be minimised, and the terms to log, the same in every step.

        ``images`` are the indices of the images in this ``part``, within the batch of this ``step``
        (from 0); "total" is the mean over them. The network is in training mode on the team's
        device. The task moves the images there and applies autocast
        (:class:`.precision.InBfloat16`).
        """

    def validate(self, network: nn.Module) -> Mapping[str, float]:
        """``"score"``, the recipe's criterion (smaller is better), and other values to log.

        The network is in evaluation mode. All processes call this and must get the same score.
        """

    def validation_names(self, terms: Sequence[str]) -> Iterable[str]:
        """The keys that :meth:`validate` returns; ``terms`` are the terms of the loss."""

    def save(self, network: nn.Module, path: Path, metadata: Mapping[str, Any]) -> None:
        """Write ``path.safetensors`` and ``path.json``, replacing existing files."""

    def metadata(self) -> Mapping[str, Any]:
        """Further metadata to save with the weights, such as the licences of the data."""

    def hint(self, network: nn.Module) -> str:
        """What to change first when the loss is no longer finite; "" for no hint.

        The text continues "the loss is nan in epoch 3: ", for example "the layers amplify 1e5
        times: set max_gain=100".
        """


def seeded(build: Callable[[], nn.Module], seed: int) -> nn.Module:
    """``build()`` with weights drawn from ``seed``; the global random state is not changed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build()


def placed(network: nn.Module, recipe: Recipe, device: torch.device) -> nn.Module:
    """The network in the recipe's memory format, on ``device``."""
    if recipe.channels_last:
        network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network.to(device)
