"""Infinity-harmonic inpainting: the surface with the smallest slopes; see README.md.

>>> from experiments.infinity_harmonic import InfinityHarmonic
>>> steepest.inpaint(heights, known, InfinityHarmonic(radius=3))           # doctest: +SKIP
"""

from __future__ import annotations

from .method import InfinityHarmonic

__all__ = ["InfinityHarmonic"]
