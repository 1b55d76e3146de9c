"""The differences of neighbouring points whose norms add up to the energies."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

EDGE, LINE, SQUARE = "edge", "line", "square"
SLOPE, BEND = "slope", "bend"  # of total generalised variation


@dataclass(frozen=True, eq=False)
class Term:
    """One difference of K points per pixel i, divided by powers of the spacing.

    ``kind`` is EDGE for ``x_j - x_i``, LINE for ``x_(i-1) - 2 x_i + x_(i+1)`` and SQUARE for
    ``x_00 + x_11 - x_01 - x_10``. ``pixels`` (K, n) are the pixels of these points; where one would
    lie beyond the image, ``valid`` (n,) is False and all are i. ``offsets`` are the pixels minus i,
    and ``coefficients`` the factors of the points on a flat manifold. ``tangents`` say which of
    the unknown tangent vectors of a pixel is meant: 0 for the step of the point, then its slopes.
    """

    kind: str
    offsets: tuple[int, ...]
    coefficients: tuple[float, ...]
    pixels: np.ndarray
    valid: np.ndarray
    tangents: tuple[int, ...]


def is_first(term: Term) -> bool:
    """Whether a term is of first order."""
    return term.kind in (EDGE, SLOPE)
