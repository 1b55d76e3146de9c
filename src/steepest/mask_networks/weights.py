"""Trained mask networks on disk: the format of `steepest.training.weight_files`."""

from __future__ import annotations

import os
from typing import Any

import torch
from torch import nn

from ..training import weight_files

NETWORKS = {
    "mask-gan": "gan:MaskGAN",
    "mask-generator": "mask_generator:MaskGenerator",
    "inpainting-generator": "generator:InpaintingGenerator",
}
"""``"module:class"`` of this package, by the name in weight files."""

REGISTRY = weight_files.Registry(NETWORKS, __name__.rpartition(".")[0])


def save(network: nn.Module, path: str | os.PathLike[str], metadata: Any = None) -> None:
    """Write ``path.safetensors`` and ``path.json``: both appear complete, or neither.

    Parameters
    ----------
    network : module
        A `MaskGAN`, or one of its generators alone.
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
