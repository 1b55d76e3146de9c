"""The scale of Cauchy noise, estimated from an image."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.errors import InputError
from .fit import cauchy_fit
from .myriad import numpy_image


def estimate_cauchy_noise(image: Any, *, channel_axis: int | None = None) -> float:
    """Estimate the scale of Cauchy noise in an image.

    Fits a Cauchy distribution to the differences ``f[i, j] - f[i + 1, j] - f[i, j + 1] + f[i + 1,
    j + 1]`` (one difference along each axis) and divides its scale by ``2^axes``. Linear images
    vanish in these differences; texture adds to the estimate.

    Parameters
    ----------
    image : array, 1-D to 3-D, plus optional channel axis
        dtype float32, float64, uint8 or uint16, with two pixels or more along each axis.
    channel_axis : int, optional
        Axis of the channels, which share one estimate.

    Returns
    -------
    float
        In units of the image; 1 is white for integer images.

    Raises
    ------
    InputError
        If the image is invalid, an axis has a single pixel, or half of the differences are equal,
        as in an image without noise.
    """
    array, _ = numpy_image(image, channel_axis)
    ndim = array.ndim - 1
    if min(array.shape[1:]) < 2:
        raise InputError(
            f"image of shape {array.shape[1:]}; at least two pixels along each axis are needed"
        )
    values = array.astype(np.float64)
    for axis in range(1, ndim + 1):
        values = np.diff(values, axis=axis)
    found, counts = np.unique(values, return_counts=True)
    if 2 * counts.max() >= values.size:
        raise InputError(
            f"image: at least half of its differences are {found[counts.argmax()]:g}, so the scale "
            "of its noise cannot be estimated"
        )
    return float(cauchy_fit(values).scale) / 2**ndim
