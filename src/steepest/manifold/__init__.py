"""Images of phases, directions, rotations and tensors. All names are imported on first use."""

from __future__ import annotations

from ..core.lazy import lazily

_WHERE = {
    "Circle": "circle",
    "Euclidean": "euclidean",
    "Product": "product",
    "Rotations": "rotations",
    "Sphere": "sphere",
    "SPD": "spd",
}

__all__ = [*_WHERE]

__getattr__, __dir__ = lazily(__name__, _WHERE)
