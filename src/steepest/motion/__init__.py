"""Displacement and strain between images, magnified motion, images between images.

All names are imported on first use.
"""

from ..core.lazy import lazily

_WHERE = {
    "displacement": "optical_flow",
    "Displacement": "estimation",
    "strain": "strains",
    "follow": "series",
    "warp": "warping",
    "warp_forward": "forward",
    "ForwardWarp": "forward",
    "magnify": "magnification",
    "Magnified": "magnification",
    "morph": "morphing",
    "Morph": "morphing",
}

__all__ = [*_WHERE]

__getattr__, __dir__ = lazily(__name__, _WHERE, ())
