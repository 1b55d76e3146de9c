"""The methods that commands and compression offer."""

from __future__ import annotations

METHODS = (
    "echo",
    "laplacian_dither",
    "densify",
    "probabilistic_sparsification",
    "random",
    "regular",
)
"""Names of the methods that need no mask to start from, the default of the commands first."""
