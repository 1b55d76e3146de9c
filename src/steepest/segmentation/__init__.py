"""Segmentation with proof: the labels of a result are global minimisers, or it says where not."""

from .chan_vese import chan_vese
from .cut import cut
from .regions import Regions, regions
from .result import Segmentation
from .threshold_rof import threshold_rof

__all__ = ["Regions", "Segmentation", "chan_vese", "cut", "regions", "threshold_rof"]
