"""Images stored as few of their pixels: compression by sparse inpainting.

Everything is imported on first use. Compressing needs the package ``constriction``.
"""

from __future__ import annotations

from ..core.lazy import lazily

_WHERE = {
    "compress": "encode",
    "pack": "encode",
    "Compressed": "encode",
    "decompress": "decode",
    "read_header": "decode",
    "known_pixels": "decode",
    "Header": "container",
    "MAX_PIXELS": "container",
}

__all__ = [*_WHERE]

__getattr__, __dir__ = lazily(__name__, _WHERE)
