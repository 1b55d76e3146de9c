"""Networks that learn the total variation flow without ground truth (needs the ``torch`` extra).

>>> import torch
>>> from steepest import learning
>>> network = learning.load("unet")                                    # doctest: +SKIP
>>> u, flux = network(images, torch.full((len(images),), 0.1))         # doctest: +SKIP

Everything is imported on first use.
"""

from __future__ import annotations

from ..core.lazy import lazily

_WHERE = {
    "SemiResNet": "semi_resnet",
    "UNet": "unet",
    "LGD": "lgd",
    "MeanFluxNet": "mean_flux",
    "load": "weights",
    "save": "weights",
    "NETWORKS": "weights",
    "certify": "certificate",
    "certified": "certificate",
    "Certificate": "certificate",
    "learned_flow": "predict",
    "export_onnx": "export",
    "learned_bands": "bands",
    "learned_decomposition": "bands",
    "joint_optimisation": "joint",
    "JointResult": "joint",
    "paper_loss": "losses",
    "report_loss": "losses",
}
_MODULES = ("certificate", "fields", "losses", "training")

__all__ = [*_WHERE, *_MODULES]

__getattr__, __dir__ = lazily(__name__, _WHERE, _MODULES)
