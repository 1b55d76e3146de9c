"""The differences that the energies are made of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

EDGE, LINE, SQUARE = "edge", "line", "square"
SLOPE, BEND = "slope", "bend"  # of total generalised variation


@dataclass(frozen=True, eq=False)
class Term:
    """One difference per pixel, divided by ``spacing``.

    ``kind`` is EDGE for ``x_j - x_i``, LINE for ``x_(i-1) - 2 x_i + x_(i+1)`` and SQUARE for
    ``x_00 + x_11 - x_01 - x_10``; ``corners`` (K, n) are the pixels it takes, those of its own
    pixel i alone where it would reach beyond the image, which ``valid`` tells. ``offsets`` are
    the corners minus i. ``numbers`` are the coefficients on a flat manifold. ``slots`` say which
    of the unknown vectors of a corner is meant: 0 for the step of the point.
    """

    kind: str
    offsets: tuple[int, ...]
    numbers: tuple[float, ...]
    corners: np.ndarray
    valid: np.ndarray
    slots: tuple[int, ...]


def is_first(term: Term) -> bool:
    """Whether a term is of first order."""
    return term.kind in (EDGE, SLOPE)
