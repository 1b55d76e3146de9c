"""Certified flows of arrays that do not fit in memory, tile by tile."""

from ..core.lazy import lazily

_WHERE = {
    "TiledDecomposition": "decompose",
    "TiledSegmentation": "segment",
    "apply_filter": "decompose",
    "chan_vese": "segment",
    "decompose": "decompose",
    "denoise_tv": "denoise",
    "inpaint": "diffusion",
    "threshold_rof": "segment",
    "tv_flow": "flow",
}

__all__ = [*_WHERE]

__getattr__, __dir__ = lazily(__name__, _WHERE)
