"""Trained segmentation networks on disk: the format of `steepest.learning.training.weight_files`."""

from __future__ import annotations

from steepest.learning.training.weight_files import Registry

NETWORKS = {
    "segmentation-unet": "unet:SegmentationUNet",
    "deeplabv3+": "external:DeepLabV3Plus",
    "hrnet": "external:HRNet",
}
"""``"module:class"`` of this package, by the name in weight files."""

REGISTRY = Registry(NETWORKS, __name__.rpartition(".")[0])

build = REGISTRY.build
save = REGISTRY.save
load = REGISTRY.load
read_description = REGISTRY.read_description
