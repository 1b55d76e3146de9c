"""Certified flows of arrays that do not fit in memory, tile by tile."""

from ..core.lazy import lazily

_WHERE = {
    "denoise_tv": "denoise",
    "tv_flow": "flow",
    "threshold_rof": "segment",
    "chan_vese": "segment",
    "TiledSegmentation": "segment",
}

__all__ = [*_WHERE]

__getattr__, __dir__ = lazily(__name__, _WHERE)
