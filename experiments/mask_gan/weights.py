"""Load and save the weights of mask networks, in the library's format."""

from __future__ import annotations

from steepest.learning.training.weight_files import Registry

REGISTRY = Registry({"mask-gan": "gan:MaskGAN"}, __name__.rpartition(".")[0])

save = REGISTRY.save
load = REGISTRY.load
