"""Gaussian smoothing of a spatial map."""

from math import ceil

import numpy as np
from scipy.ndimage import gaussian_filter

WIDEST = 1000.0
"""The largest sigma in pixels, limited because the cost increases with sigma."""


def kernel_radius(sigma: float) -> int:
    """Return the radius of the kernel of `gaussian` in pixels."""
    return 0 if sigma < 0.1 else ceil(4 * sigma)


def gaussian(array: np.ndarray, sigma: float) -> np.ndarray:
    """Convolve with a Gaussian along every axis, up to 4 sigma, with reflecting boundary.

    Below a sigma of 0.1 pixels, where neighbours weigh less than rounding, nothing changes.
    """
    cut = kernel_radius(sigma)
    return gaussian_filter(array, sigma, radius=cut) if cut else array
