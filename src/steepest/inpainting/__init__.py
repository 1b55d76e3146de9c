"""Sparse inpainting: fill in unknown pixels, and choose which pixels to keep.

All names are imported on first use.
"""

from ..core.lazy import lazily

METHODS = {
    "diffusion": "Diffusion",
    "biharmonic": "Biharmonic",
    "edge_enhancing": "EdgeEnhancing",
}
"""The methods of `inpaint`: the name of each (of its module, and in commands) and its class."""

_WHERE = {
    "inpaint": "solve",
    "InpaintResult": "result",
    "reconstruct": "reconstruction",
    "Reconstruction": "result",
    "tonal": "tonal_optimisation",
    **{kind: f"methods.{name}" for name, kind in METHODS.items()},
}
_MODULES = ("masks",)

__all__ = [*_WHERE, *_MODULES, "METHODS"]

__getattr__, __dir__ = lazily(__name__, _WHERE, _MODULES)
