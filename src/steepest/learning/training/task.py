"""The interface of a training task."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor, nn


class Task:
    """What a training is about: network, images, loss, validation and weight files.

    Derive from this class. :func:`.loop.run_training` calls ``make_task(recipe, team)`` in every
    process, after it has checked the folder and before it writes anything. ``make_task`` opens the
    data and raises an ``InputError`` if a setting is wrong.

    A task does not change during the training. It draws all random numbers from counters
    (:mod:`.streams`), so that a resumed training is the same bit for bit. While a network is built
    and during :meth:`loss`, torch's global random state is set from the seed and the step.
    """

    def build(self) -> nn.Module:
        """The network on the CPU, as :meth:`save` saves it, with weights drawn at random."""
        raise NotImplementedError

    def prepare(self, network: nn.Module, *, begin: bool) -> nn.Module:
        """The network to train: the built one, with initial weights or with layers added.

        If ``begin`` is False, the weights will come from a checkpoint, and initial ones need not
        be read. Weights must keep their names.
        """
        return network

    def rehearse(self, network: nn.Module) -> None:
        """Try everything that may fail, such as options of the loss, before files are written.

        Raises `InputError` if something fails; the message says what to change.
        """

    def loss(self, network: nn.Module, step: int, part: int, images: range) -> Mapping[str, Tensor]:
        """``"total"``, a scalar to be minimised, and the terms to log, the same in every step.

        ``images`` are the indices of the images in this ``part``, within the batch of this ``step``
        (from 0); "total" is the mean over them. The network is in training mode on the team's
        device. The task moves the images there and applies autocast.
        """
        raise NotImplementedError

    def validate(self, network: nn.Module) -> Mapping[str, float]:
        """``"score"``, the recipe's criterion (smaller is better), and other values to log.

        The network is in evaluation mode. All processes call this and must get the same score.
        """
        raise NotImplementedError

    def validation_names(self, terms: Sequence[str]) -> Iterable[str]:
        """The keys that :meth:`validate` returns; ``terms`` are the terms of the loss."""
        raise NotImplementedError

    def save(self, network: nn.Module, path: Path, metadata: Mapping[str, Any]) -> None:
        """Write ``path.safetensors`` and ``path.json``, replacing existing files.

        The task may add to the metadata, for example the licences of the data.
        """
        raise NotImplementedError

    def hint(self, network: nn.Module) -> str:
        """What to change first when the loss is no longer finite; "" for no hint.

        The text continues "the loss is nan in epoch 3: ", for example "the layers amplify 1e5
        times: set max_gain=100".
        """
        return ""
