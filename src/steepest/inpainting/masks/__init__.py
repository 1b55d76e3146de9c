"""Mask selection: methods that choose a few pixels to keep, given an image and a density.

>>> from steepest.inpainting import masks
>>> mask = masks.laplacian_dither(image, 0.05)                             # doctest: +SKIP

Every method returns a Boolean mask, shared by all channels, that keeps exactly
``max(1, round(density * N))`` of the N pixels. All names are imported on first use. (No module
here has the name of a function, because the module would hide the function once imported.)
"""

from ...core.lazy import lazily

_METHODS = {  # that need no initial mask, and their modules
    "echo": "echo_sparsification",
    "laplacian_dither": "laplacian",
    "densify": "densification",
    "random": "lattice",
    "regular": "lattice",
}
METHODS = tuple(_METHODS)
"""The methods that the commands and `compress` offer; the first is their default."""

_WHERE = {
    **_METHODS,
    "echo_ranking": "echo_sparsification",
    "MaskStep": "checks",
}

__all__ = [*_WHERE, "METHODS"]

__getattr__, __dir__ = lazily(__name__, _WHERE)
