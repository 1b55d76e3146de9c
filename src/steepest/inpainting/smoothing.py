"""Gaussian smoothing of a spatial map."""

from __future__ import annotations

from math import ceil

import numpy as np

WIDEST = 1000.0
"""The largest sigma in pixels, limited because the cost increases with sigma."""


def kernel_radius(sigma: float) -> int:
    """Return the radius of the kernel of `gaussian` in pixels."""
    return 0 if sigma < 0.1 else ceil(4 * sigma)


def gaussian(array: np.ndarray, sigma: float) -> np.ndarray:
    """Convolve with a Gaussian along every axis, truncated at 4 sigma, with reflecting boundary.

    The weights of each axis sum to 1, so constants are preserved. Sums are preserved, too, because
    the boundary is reflecting. ``sigma`` is in pixels. If it is below 0.1, where the neighbours'
    weights are below rounding, the array itself is returned. The cost is O(sigma) per pixel.
    """
    cut = kernel_radius(sigma)
    if cut == 0:
        return array
    weights = np.exp(-0.5 * (np.arange(-cut, cut + 1) / sigma) ** 2)
    weights /= weights.sum()
    for axis, length in enumerate(array.shape):
        if length > 1:
            sides = [(cut, cut) if a == axis else (0, 0) for a in range(array.ndim)]
            padded = np.moveaxis(np.pad(array, sides, mode="symmetric"), axis, -1)
            out = np.zeros_like(padded[..., :length])
            for k, weight in enumerate(weights):
                out += weight * padded[..., k : k + length]
            array = np.moveaxis(out, -1, axis)
    return array
