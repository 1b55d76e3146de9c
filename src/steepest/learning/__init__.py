"""A network that learned the flow, and its training (needs the ``torch`` extra).

>>> import torch
>>> from steepest import learning
>>> network = learning.load("mean-flux")                               # doctest: +SKIP
>>> u, flux = network(images, torch.full((len(images),), 0.1))         # doctest: +SKIP

Everything is imported on first use.
"""

from ..core.lazy import lazily

_WHERE = {
    "MeanFluxNet": "flows.mean_flux",
    "load": "flows.weights",
    "save": "flows.weights",
    "NETWORKS": "flows.weights",
    "certify": "flows.certificate",
    "Certificate": "flows.certificate",
    "learned_flow": "flows.predict",
    "export_onnx": "flows.export",
    "learned_decomposition": "flows.bands",
}
_MODULES = ("flows", "training")

__all__ = [*_WHERE, *_MODULES]

__getattr__, __dir__ = lazily(__name__, _WHERE, _MODULES)
