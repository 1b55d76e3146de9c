"""The order of points along a space-filling curve: neighbours in the list are near each other."""

from __future__ import annotations

import numpy as np

_BITS = 20


def along_curve(points: np.ndarray) -> np.ndarray:
    """Return the order of the points (N, 2) along Hilbert's curve."""
    low = points.min(axis=0)
    side = max(float((points.max(axis=0) - low).max()), 1e-300)
    y, x = ((points - low) * ((2**_BITS - 1) / side)).astype(np.int64).T
    key = np.zeros(len(points), np.int64)
    for bit in reversed(range(_BITS)):
        right, top = (x >> bit) & 1, (y >> bit) & 1
        key = 4 * key + ((3 * right) ^ top)
        # Turn the quadrant so that the curve inside it is the standard one
        flip = (top == 0) & (right == 1)
        x, y = np.where(flip, 2**_BITS - 1 - x, x), np.where(flip, 2**_BITS - 1 - y, y)
        x, y = np.where(top == 0, y, x), np.where(top == 0, x, y)
    return np.argsort(key, kind="stable")
