"""Weights of networks of flows: in files, and those that come with the package.

``load`` takes the strings "semi-resnet", "unet", "lgd" and "mean-flux" for the weights that come
with the package (a file of that name is "./unet"). What it returns is called as ``module(u0, t)``
with images (N, 1, H, W) in [0, 1] and times (N,) in the engine's units, and returns ``(u, flux)``.
"""

from __future__ import annotations

from pathlib import Path

from ..training.weight_files import Registry

NETWORKS = {
    "semi-resnet": "semi_resnet:SemiResNet",
    "unet": "unet:UNet",
    "lgd": "lgd:LGD",
    "mean-flux": "mean_flux:MeanFluxNet",
}
"""``"module:class"`` of this package, by the name in weight files and on the command line."""

REGISTRY = Registry(NETWORKS, __name__.rpartition(".")[0], Path(__file__).parent / "pretrained")

save = REGISTRY.save
load = REGISTRY.load
