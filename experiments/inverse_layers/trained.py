"""A trained network with the metadata of its training."""

from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from steepest.core.errors import InputError
from steepest.core.grey import to_planes
from steepest.core.numbers import check_count

from .geometry import fit_size
from .prediction import probabilities
from .weights import REGISTRY, load


@dataclass(frozen=True, eq=False)
class Trained:
    """A network ready for prediction.

    ``values[k]`` is the number of class k in the training masks (empty if it is not recorded).
    ``size`` (height, width) is set if the network was trained on images stretched to this size.
    """

    network: nn.Module
    values: tuple[int, ...] = ()
    size: tuple[int, int] | None = None

    def labels(self, image: np.ndarray) -> np.ndarray:
        """The most probable class of every pixel, (H, W) uint8.

        With ``size`` the network sees the stretched image, as in its training, and its
        probabilities are interpolated back. Parameters and errors are those of `predict`.
        """
        if self.size is None:
            return _most(probabilities(self.network, image))
        planes = to_planes(image, getattr(self.network, "in_channels", None))
        height, width = planes.shape[1:]
        seen, none = fit_size(planes, np.zeros((height, width), np.uint8), self.size, "resize")
        small = probabilities(self.network, np.moveaxis(seen, 0, -1))
        return _most(fit_size(small, none, (height, width), "resize")[0])


def open_trained(path: str | os.PathLike[str], device: str | torch.device = "cpu") -> Trained:
    """Load the weights that `train` saved, with their metadata.

    Raises
    ------
    InputError
        If the weights cannot be loaded (`experiments.inverse_layers.load`), or the metadata are not
        those of a training.
    """
    notes = REGISTRY.read_description(path)["metadata"]
    network = load(path, device)
    try:
        values = tuple(int(value) for value in notes.get("classes", ()))
        recipe = notes.get("training", {})
        height, width = recipe["size"] if recipe.get("fit") == "resize" else (None, None)
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise InputError(f"{path}: its metadata are not those of a training ({error})") from None
    if height is None:
        return Trained(network, values)
    return Trained(network, values, (check_count(height, "height"), check_count(width, "width")))


def _most(found: np.ndarray) -> np.ndarray:
    return found.argmax(0).astype(np.uint8)
