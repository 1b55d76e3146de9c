"""Trained segmentation networks on disk: the format of `steepest.training.weight_files`."""

from __future__ import annotations

import os
from typing import Any

import torch
from torch import nn

from ..training import weight_files

NETWORKS = {
    "segmentation-unet": "unet:SegmentationUNet",
    "deeplabv3+": "external:DeepLabV3Plus",
    "hrnet": "external:HRNet",
}
"""``"module:class"`` of this package, by the name in weight files."""

REGISTRY = weight_files.Registry(NETWORKS, __name__.rpartition(".")[0])


def build(name: str, config: Any, where: str = "config") -> nn.Module:
    """A network with random weights from its name in `NETWORKS` and its constructor arguments.

    Raises
    ------
    InputError
        See `steepest.training.weight_files.build`.
    """
    return weight_files.build(REGISTRY, name, config, where)


def save(network: nn.Module, path: str | os.PathLike[str], metadata: Any = None) -> None:
    """Write ``path.safetensors`` and ``path.json``: both appear complete, or neither.

    Parameters
    ----------
    network : module
        Of one of the classes in `NETWORKS`.
    path : path
        With or without the ending ``.safetensors``; existing files are replaced.
    metadata : dictionary, optional
        Anything that JSON can hold.

    Raises
    ------
    InputError
        Another class; NaN or infinite weights; metadata that JSON cannot hold.
    """
    weight_files.save(REGISTRY, network, path, metadata)


def load(path: str | os.PathLike[str], map_location: str | torch.device = "cpu") -> nn.Module:
    """A network that `save` wrote, in evaluation mode. Nothing in a file is ever executed.

    Raises
    ------
    InputError
        No such file or device; a file that is damaged, does not fit its description, or holds
        NaN.
    """
    return weight_files.load(REGISTRY, path, map_location)


def read_description(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The JSON file of saved weights, checked: "network", "config", "metadata".

    Raises
    ------
    InputError
        Missing, not JSON, or without these entries.
    """
    return weight_files.read_description(REGISTRY, path)
