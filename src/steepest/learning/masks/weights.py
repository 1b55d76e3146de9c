"""Load and save the weights of mask networks."""

from __future__ import annotations

from ..training.weight_files import Registry

NETWORKS = {
    "mask-gan": "gan:MaskGAN",
    "mask-generator": "mask_generator:MaskGenerator",
    "inpainting-generator": "generator:InpaintingGenerator",
}
"""``"module:class"`` in this package, by the name in weight files."""

REGISTRY = Registry(NETWORKS, __name__.rpartition(".")[0])

save = REGISTRY.save
load = REGISTRY.load
