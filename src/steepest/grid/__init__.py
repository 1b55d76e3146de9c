"""Operators on grids of pixels: differences of first and second order, coarser grids."""

from ..core.lazy import public
from .checked import divergence, gradient

__all__ = ["divergence", "gradient"]

__dir__ = public(__all__)
