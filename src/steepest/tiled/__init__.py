"""Certified flows of arrays that do not fit in memory, tile by tile."""

from ..core.lazy import lazily

_WHERE = {
    "TiledDecomposition": "bands",
    "TiledMask": "mask",
    "TiledSegmentation": "segment",
    "apply_filter": "bands",
    "chan_vese": "segment",
    "decompose": "bands",
    "denoise_tv": "denoise",
    "echo": "mask",
    "inpaint": "diffusion",
    "threshold_rof": "segment",
    "tv_flow": "flow",
}

__all__ = [*_WHERE]

__getattr__, __dir__ = lazily(__name__, _WHERE)
