"""Images of phases, directions, rotations and tensors. All names are imported on first use."""

from __future__ import annotations

from ..core.lazy import lazily

_WHERE = {
    "Circle": "circle",
    "Euclidean": "euclidean",
    "ManifoldResult": "result",
    "ManifoldStep": "result",
    "Product": "product",
    "Rotations": "rotations",
    "Sphere": "sphere",
    "SPD": "spd",
    "denoise": "denoising",
    "denoise_nl_bayes": "nl_bayes",
    "neighbour_distances": "neighbours",
}

__all__ = [*_WHERE]

__getattr__, __dir__ = lazily(__name__, _WHERE)
