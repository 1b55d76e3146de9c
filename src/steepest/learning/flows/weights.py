"""Load and save the weights of flow networks: files, and those shipped with the package.

``load("mean-flux")`` returns the shipped network (to load a file of that name, write
"./mean-flux"). Call a network as ``module(u0, t)`` with images (N, 1, H, W) in [0, 1] and times
(N,) in the solver's units; it returns ``(u, flux)``.
"""

from pathlib import Path

from ..weight_files import Registry
from .mean_flux import MeanFluxNet

NETWORKS = {"mean-flux": MeanFluxNet}
"""The classes by their names in weight files and on the command line."""

REGISTRY = Registry(NETWORKS, Path(__file__).parent / "pretrained")

save = REGISTRY.save
load = REGISTRY.load
