"""Layers for features that are points of a manifold; see README.md.

Everything is imported on first use.
"""

from __future__ import annotations

from steepest.core.lazy import lazily

_WHERE = {
    "ManifoldDiffusion": "diffusion",
    "pixel_edges": "diffusion",
    "TangentMLP": "perceptron",
}

__all__ = [*_WHERE]

__getattr__, __dir__ = lazily(__name__, _WHERE)
