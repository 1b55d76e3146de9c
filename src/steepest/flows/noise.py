"""Estimating Gaussian noise from the image alone."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.arrays import prepare_image
from ..core.namespace import Array, detached, to_float64

_MAD_TO_SIGMA = 0.6744897501960817  # third quartile of the standard normal distribution


def estimate_noise(image: Any, channel_axis: int | None = None) -> float:
    """Standard deviation of additive white Gaussian noise: the median of finest-scale details.

    ``sigma = median |d| / 0.6745`` with d the Haar detail coefficients that are differences
    along *every* axis (diagonal details in 2-D), which hold the least of the image itself
    (Donoho & Johnstone, Biometrika 81 (1994) 425-455).

    Parameters
    ----------
    image : array, 1-D to 3-D plus optional channel axis
    channel_axis : int, optional
        The channels' estimates are averaged (root mean square).

    Returns
    -------
    float
        In grey values; for uint8/uint16 on the [0, 1] scale. Zero where every axis has one pixel.

    Raises
    ------
    InputError
        Bad image.
    """
    array, _ = prepare_image(image, channel_axis)
    unit = 2.0 ** math.frexp(float(abs(array).max()))[1]  # squares of large values would overflow
    return noise_of(to_float64(array) / unit) * unit


def noise_of(array: Array) -> float:
    """`estimate_noise` of ``(channels, *space)`` with values near one."""
    details = np.asarray(detached(to_float64(array)))
    if all(n < 2 for n in details.shape[1:]):
        return 0.0
    for axis in range(1, details.ndim):
        n = details.shape[axis] // 2 * 2
        if n:
            even = np.take(details, range(0, n, 2), axis)
            odd = np.take(details, range(1, n, 2), axis)
            details = (even - odd) / np.sqrt(2)
    flat = np.abs(details.reshape(details.shape[0], -1))
    return float(np.sqrt(np.mean((np.median(flat, axis=1) / _MAD_TO_SIGMA) ** 2)))
