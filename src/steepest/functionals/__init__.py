"""The functionals whose gradient flows are solved."""

from .total_variation import TotalVariation, make_functional, total_variation

__all__ = ["TotalVariation", "make_functional", "total_variation"]
