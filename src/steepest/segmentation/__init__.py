"""Segmentation with proof: the labels of a result are global minimisers, or it says where not."""

from ..core.lazy import public
from .bias import BiasCorrection, bias_corrected
from .chan_vese import chan_vese
from .cut import cut
from .objects import find_objects
from .regions import Regions, regions
from .result import Segmentation
from .threshold_rof import threshold_rof

__all__ = [
    "BiasCorrection",
    "Regions",
    "Segmentation",
    "bias_corrected",
    "chan_vese",
    "cut",
    "find_objects",
    "regions",
    "threshold_rof",
]

__dir__ = public(__all__)
