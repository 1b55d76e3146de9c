"""Load and save the weights of the paper's networks."""

from __future__ import annotations

from pathlib import Path

from steepest.learning.weight_files import Registry

from .lgd import LGD
from .semi_resnet import SemiResNet
from .unet import UNet

REGISTRY = Registry(
    {"semi-resnet": SemiResNet, "unet": UNet, "lgd": LGD}, Path(__file__).parent / "pretrained"
)

save = REGISTRY.save
load = REGISTRY.load
