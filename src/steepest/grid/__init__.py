"""Discrete differential operators; the library's conventions are fixed in `differences`."""

from .differences import divergence, gradient

__all__ = ["divergence", "gradient"]
