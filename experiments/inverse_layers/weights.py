"""Load and save weights of segmentation networks, in the library's format."""

from __future__ import annotations

from steepest.learning.training.weight_files import Registry

NETWORKS = {
    "segmentation-unet": "unet:SegmentationUNet",
    "deeplabv3+": "external:DeepLabV3Plus",
    "hrnet": "external:HRNet",
}
"""``"module:class"`` in this package, by the name in weight files."""

REGISTRY = Registry(NETWORKS, __name__.rpartition(".")[0])

save = REGISTRY.save
load = REGISTRY.load
