"""The paper's three networks: architectures, loss, training, and weights in ``pretrained``.

>>> from experiments.tvflownet import networks
>>> network = networks.load("unet")                                    # doctest: +SKIP
>>> networks.train(networks.PRESETS["smoke"], "runs/smoke")            # doctest: +SKIP

`steepest.learning` certifies them and predicts flows with them as with any module. Everything is
imported on first use.
"""

from __future__ import annotations

from steepest.core.lazy import lazily

_WHERE = {
    "SemiResNet": "semi_resnet",
    "UNet": "unet",
    "LGD": "lgd",
    "load": "weights",
    "save": "weights",
    "REGISTRY": "weights",
    "paper_loss": "losses",
    "PaperConfig": "training",
    "PRESETS": "training",
    "train": "training",
}

__all__ = [*_WHERE]

__getattr__, __dir__ = lazily(__name__, _WHERE)
