"""The interface of a training task."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor, nn


class Task(ABC):
    """What a training is about: network, images, loss, validation and weight files.

    Derive from this class. A task does not change during the training. It draws all random numbers
    from counters (`steepest.learning.training.streams`), so that a resumed training is the same bit
    for bit. While a network is built and during `loss`, torch's global random state is set from the
    seed and the step.
    """

    @abstractmethod
    def build(self) -> nn.Module:
        """The network on the CPU, as `save` saves it, with weights drawn at random."""

    def prepare(self, network: nn.Module, *, begin: bool) -> nn.Module:
        """The network to train: the built one, with initial weights or with layers added.

        Weights must keep their names. If ``begin`` is False, they will come from a checkpoint.
        Raise an `InputError` here if the network or the images do not fit the settings: nothing has
        been written yet.
        """
        return network

    @abstractmethod
    def loss(self, network: nn.Module, step: int) -> Mapping[str, Tensor]:
        """``"total"``, a scalar to be minimised, and the terms to log, the same in every step.

        The network is in training mode on the device of the training. The task moves the images of
        this ``step`` (from 0) there, and applies autocast.
        """

    @abstractmethod
    def validate(self, network: nn.Module) -> Mapping[str, float]:
        """``"score"``, whose smallest value selects the weights to keep, and other values to log.

        The network is in evaluation mode.
        """

    def save(self, network: nn.Module, path: Path, metadata: Mapping[str, Any]) -> None:
        """Write ``path.safetensors`` and ``path.json``, replacing existing files.

        The task may add to the metadata, for example the licences of the data. Trainings in memory
        need no such method.
        """
        raise NotImplementedError
