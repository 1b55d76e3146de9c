"""Sparse inpainting: filling unknown pixels, and choosing which pixels to keep.

Everything is imported on first use.
"""

from __future__ import annotations

from ..core.lazy import lazily

_WHERE = {
    "inpaint": "diffusion",
    "InpaintResult": "result",
    "reconstruct": "reconstruction",
    "Reconstruction": "reconstruction",
    "tonal": "tonal_optimisation",
}
_MODULES = ("masks",)

__all__ = [*_WHERE, *_MODULES]

__getattr__, __dir__ = lazily(__name__, _WHERE, _MODULES)
