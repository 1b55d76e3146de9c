"""Estimate Gaussian noise from a single image."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.arrays import prepare_image
from ..core.namespace import Array, detached, to_float64

_MAD_TO_SIGMA = 0.6744897501960817  # third quartile of the standard normal distribution


def estimate_noise(image: Any, channel_axis: int | None = None) -> float:
    """Estimate the standard deviation of additive white Gaussian noise.

    The estimate is ``sigma = median |d| / 0.6745``, where d are the finest Haar detail coefficients
    that are differences along *every* axis (the diagonal details in 2-D). These coefficients
    contain the least of the image itself (Donoho & Johnstone, Biometrika 81 (1994) 425-455).

    Parameters
    ----------
    image : array, 1-D to 3-D plus optional channel axis
    channel_axis : int, optional
        Axis of the channels. The result is the root mean square of the estimates of all channels.

    Returns
    -------
    float
        In grey values, on the [0, 1] scale for uint8 and uint16 images. The result is 0 if the
        image has a single pixel.

    Raises
    ------
    InputError
        Bad image.
    """
    array, _ = prepare_image(image, channel_axis)
    unit = 2.0 ** math.frexp(float(abs(array).max()))[1]  # squares of large values would overflow
    return noise_of(to_float64(array) / unit) * unit


def noise_of(array: Array) -> float:
    """Apply `estimate_noise` to an array ``(channels, *space)`` with values near one."""
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
