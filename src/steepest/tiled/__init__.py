"""Certified flows of arrays that do not fit in memory, tile by tile."""

from ..core.lazy import lazily

_WHERE = {
    "TiledDecomposition": "decompose",
    "apply_filter": "decompose",
    "decompose": "decompose",
    "denoise_tv": "denoise",
    "tv_flow": "flow",
}

__all__ = [*_WHERE]

__getattr__, __dir__ = lazily(__name__, _WHERE)
