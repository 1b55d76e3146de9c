"""Sparse inpainting: fill in unknown pixels, and choose which pixels to keep.

All names are imported on first use.
"""

from __future__ import annotations

from ..core.lazy import lazily

_WHERE = {
    "inpaint": "diffusion",
    "InpaintResult": "result",
    "reconstruct": "reconstruction",
    "Reconstruction": "reconstruction",
    "tonal": "tonal_optimisation",
    "biharmonic": "biharmonic_inpainting",
    "edge_enhancing": "edge_enhancing_inpainting",
    "curvature_driven": "curvature_driven_inpainting",
    "mumford_shah": "mumford_shah_inpainting",
    "infinity_harmonic": "infinity_harmonic_inpainting",
    "total_variation": "total_variation_inpainting",
}
_MODULES = ("masks",)

__all__ = [*_WHERE, *_MODULES]

__getattr__, __dir__ = lazily(__name__, _WHERE, _MODULES)
