"""Load and save weights of segmentation networks, in the library's format."""

from __future__ import annotations

from steepest.learning.weight_files import Registry

from .external import DeepLabV3Plus, HRNet
from .unet import SegmentationUNet

NETWORKS = {"segmentation-unet": SegmentationUNet, "deeplabv3+": DeepLabV3Plus, "hrnet": HRNet}
"""The classes by their names in weight files."""

REGISTRY = Registry(NETWORKS)

save = REGISTRY.save
load = REGISTRY.load
