"""A flow that proves that the ROF image is constant, without iterations."""

from __future__ import annotations

import numpy as np
from scipy.fft import dctn, idctn

from .proof import Faces

_BELOW = 1 - 1e-12  # share of the capacity that is used, for rounding


def flow_to_mean(f: np.ndarray, faces: Faces) -> np.ndarray | None:
    """A feasible flow (A, z, y, x) with ``f + div q`` constant, or None if this one is too large.

    It is that of a resistor network, ``q = c (phi(next) - phi)`` with the capacities c (a Poisson
    problem). It fits if the strength is well beyond the extinction time (for "camera", 1.7 times).
    """
    level = f - f.mean()
    weights = faces.weights if faces.weights.size else np.ones((1, 1, 1))
    along: dict[int, tuple[int, float]] = {}  # place and capacity of the faces across each axis
    for place, (offset, capacity) in enumerate(zip(faces.offsets, faces.capacity, strict=True)):
        axis, *others = np.flatnonzero(offset).tolist()
        if not others and f.shape[axis] > 1:
            if capacity == 0:
                return None
            along[axis] = place, float(capacity)
    total, largest = np.zeros((1, 1, 1)), float(weights.max())
    for axis, (_, capacity) in along.items():
        n = f.shape[axis]
        plane = tuple(other for other in range(3) if other != axis)
        through = np.abs(level.sum(plane).cumsum()).max()  # all that must cross each plane
        if through > capacity * largest * (f.size // n) + 1e-9 * np.abs(level).sum():
            return None
        waves = 2 * capacity * (1 - np.cos(np.pi * np.arange(n) / n))
        total = total + waves.reshape([-1 if other == axis else 1 for other in range(3)])
    total[0, 0, 0] = np.inf
    potential = idctn(dctn(level) / total)
    q = np.zeros((len(faces.offsets), *f.shape))
    for axis, (place, capacity) in along.items():
        inside = tuple(slice(None, -1 if other == axis else None) for other in range(3))
        q[(place, *inside)] = capacity * np.diff(potential, axis=axis)
        if not (np.abs(q[place]) <= _BELOW * capacity * weights).all():
            return None
    return q
