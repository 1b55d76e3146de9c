"""The mask methods that the commands and the compression offer."""

from __future__ import annotations

METHODS = (
    "echo",
    "laplacian_dither",
    "densify",
    "probabilistic_sparsification",
    "random",
    "regular",
)
"""Names of the methods that need no initial mask; the first is the default of the commands."""
