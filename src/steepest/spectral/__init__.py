"""Spectral TV: decompose an image into structures by scale, filter them and recompose them."""

from ..core.lazy import public
from ..flows.extinction import extinction_time
from .decomposition import Decomposition, FilteredImage, StoredDecomposition
from .filters import apply_filter, band_pass, band_stop, high_pass, low_pass
from .scale_map import scale_map
from .series import DecompositionSeries, decompose_series
from .texture import separate_texture
from .transform import decompose

__all__ = [
    "Decomposition",
    "DecompositionSeries",
    "FilteredImage",
    "StoredDecomposition",
    "apply_filter",
    "band_pass",
    "band_stop",
    "decompose",
    "decompose_series",
    "extinction_time",
    "high_pass",
    "low_pass",
    "scale_map",
    "separate_texture",
]

__dir__ = public(__all__)
