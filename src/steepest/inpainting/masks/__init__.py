"""Which few pixels to keep: methods from an image and a density to a Boolean mask.

>>> from steepest.inpainting import masks
>>> mask = masks.laplacian_dither(image, 0.05)                             # doctest: +SKIP

Every method keeps exactly ``max(1, round(density * N))`` of the N pixels, one mask for all
channels. Everything is imported on first use. (No module has the name of a function here: the
module would hide it once imported.)
"""

from __future__ import annotations

from ...core.lazy import lazily

_WHERE = {
    "random": "uniform",
    "regular": "lattice",
    "laplacian_dither": "laplacian",
    "densify": "densification",
    "probabilistic_sparsification": "sparsify",
    "nonlocal_pixel_exchange": "exchange",
    "echo": "echo_sparsification",
    "echo_ranking": "echo_sparsification",
    "echo_exchange": "echo_sparsification",
    "MaskStep": "checks",
    "METHODS": "names",
}

__all__ = [*_WHERE]

__getattr__, __dir__ = lazily(__name__, _WHERE)
