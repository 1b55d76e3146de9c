"""Networks that learn the total variation flow without ground truth (needs the ``torch`` extra).

>>> import torch
>>> from steepest import learning
>>> network = learning.load("unet")                                    # doctest: +SKIP
>>> u, flux = network(images, torch.full((len(images),), 0.1))         # doctest: +SKIP

Everything is imported on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

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
_EXTRA = ("torch", "safetensors")

__all__ = [*_WHERE, *_MODULES]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'steepest.learning' has no attribute {name!r}")
    try:
        module = import_module(f".{_WHERE.get(name, name)}", __name__)
    except ModuleNotFoundError as error:
        if error.name in _EXTRA:
            message = f"steepest.learning.{name} needs {error.name}: pip install 'steepest[torch]'"
            raise ModuleNotFoundError(message, name=error.name) from None
        raise
    globals()[name] = value = getattr(module, name) if name in _WHERE else module
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
