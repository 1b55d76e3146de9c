"""Load and save the weights of mask networks, in the library's format."""

from __future__ import annotations

from steepest.learning.weight_files import Registry

from .gan import MaskGAN

REGISTRY = Registry({"mask-gan": MaskGAN})

save = REGISTRY.save
load = REGISTRY.load
