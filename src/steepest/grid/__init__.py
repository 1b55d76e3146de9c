"""Operators on grids of pixels: differences of first and second order, coarser grids."""

from .checked import divergence, gradient

__all__ = ["divergence", "gradient"]
