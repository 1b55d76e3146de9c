"""Weights of the networks here: `weight_files` with their names and the shipped files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..training.weight_files import Registry

NETWORKS = {
    "semi-resnet": "semi_resnet:SemiResNet",
    "unet": "unet:UNet",
    "lgd": "lgd:LGD",
    "mean-flux": "mean_flux:MeanFluxNet",
}
"""``"module:class"`` of this package, by the name in weight files and on the command line."""

PRETRAINED = Path(__file__).parent / "pretrained"
"""Where the weights that come with the package are."""


def _registry() -> Registry:
    return Registry(NETWORKS, __name__.rpartition(".")[0], PRETRAINED)


def network_class(name: str) -> type[nn.Module]:
    """The class of a name in `NETWORKS`.

    Raises
    ------
    InputError
        There is no network of this name.
    """
    return _registry().network_class(name)


def network_name(network: nn.Module) -> str:
    """The name in `NETWORKS` of this network's class.

    Raises
    ------
    InputError
        Its class is not among them.
    """
    return _registry().network_name(network)


def build(name: str, config: Any, where: str = "config") -> nn.Module:
    """A network from its name and constructor arguments; see `Registry.build`."""
    return _registry().build(name, config, where)


def save(
    network: nn.Module,
    path: str | os.PathLike[str],
    metadata: Any = None,
    *,
    dtype: torch.dtype | None = None,
) -> None:
    """Write ``path.safetensors`` and ``path.json``: both appear complete, or neither.

    Parameters
    ----------
    network : module
        Of one of the classes in `NETWORKS`, finite, all of it of one floating-point type.
    path : path
        With or without the ending ``.safetensors``; existing files are replaced.
    metadata : dictionary, optional
        Anything that JSON can hold.
    dtype : torch.dtype, optional
        Round the weights to this: ``torch.bfloat16`` makes files half as large (`load` returns
        float32 all the same).

    Raises
    ------
    InputError
        Another class; NaN or infinite weights; metadata that JSON cannot hold.
    """
    _registry().save(network, path, metadata, dtype=dtype)


def load(
    name_or_path: str | os.PathLike[str], map_location: str | torch.device = "cpu"
) -> nn.Module:
    """A trained network, in evaluation mode.

    Parameters
    ----------
    name_or_path : str or path
        The strings ``"semi-resnet"``, ``"unet"``, ``"lgd"`` and ``"mean-flux"`` are always the
        weights that come with the package (a file of that name is ``"./unet"``); everything else
        is the files that `save` wrote, with or without their ending.
    map_location : device
        Where it shall be.

    Returns
    -------
    module
        ``module(u0, t)`` takes images (N, 1, H, W) in [0, 1] and times (N,) in the engine's units
        and returns ``(u, flux)``. float64 if the file is, else float32.

    Raises
    ------
    InputError
        No such name, file or device; a file that is damaged, does not fit its description, or
        holds NaN.
    """
    return _registry().load(name_or_path, map_location)


def read_description(name_or_path: str | os.PathLike[str]) -> dict[str, Any]:
    """The JSON file of saved weights, by what `load` takes, checked: network, config, metadata.

    Raises
    ------
    InputError
        Missing, not JSON, or without these entries.
    """
    return _registry().read_description(name_or_path)
