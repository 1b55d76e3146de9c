"""Compression by sparse inpainting: an image is stored as a few of its pixels.

Everything is imported on first use. Compressing needs the package ``constriction``; decompressing
does not.
"""

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
