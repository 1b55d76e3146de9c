"""White noise from the finest Haar details of an image: sigma = median |d| / 0.6745.

The details d are differences along every axis (the diagonal details in 2-D), which contain the
least of the image itself (Donoho & Johnstone, Biometrika 81 (1994) 425-455).

Flat, padded and saturated regions are left out, because they do not show the noise. A detail is
flat if it lies in a cell of 4 (in a volume, 8) that are all zero. It is saturated if it comes from
the smallest or the largest value of the image. Windows of 64 details are used if at most a quarter
of these are flat or saturated. If less than 5 % of the image remains, all of it is used, or, if
more than a quarter is flat, no noise is found.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..core.namespace import to_float64

_MAD_TO_SIGMA = 0.6744897501960817  # third quartile of the standard normal distribution
_CELL = 4  # details in a cell; if all of them are zero, it is flat
_WINDOW = 64  # details in a window, which is used or left out
_MOST_LOST = 1 / 4  # largest share of flat or saturated details where the noise is estimated
_LEAST_USED = 1 / 20  # smallest share of the image in such windows; with less, all or none is used


@dataclass(frozen=True)
class Noise:
    """Noise of an image: ``sigma`` in the regions that were used, and their share of the image.

    ``total`` is the root mean square over the whole image: flat regions have no noise, and
    saturated ones have less. Without noise, all three are 0.
    """

    sigma: float
    share: float
    total: float


def haar_noise(channel: np.ndarray) -> Noise:
    r"""Measure the noise of an array (\*space) with values near one."""
    values = to_float64(channel)
    if values.size == 1:
        return Noise(0.0, 0.0, 0.0)
    low, high = float(values.min()), float(values.max())
    details = np.abs(_by_pairs(values, lambda even, odd: (even - odd) / math.sqrt(2)))
    # What is as small as the rounding of float32 is not noise, whatever the type now is.
    rounding = 2**-22 * (high - low) + 4 * float(np.finfo(channel.dtype).eps) * max(high, -low)
    flat = _local_means(details <= rounding, _CELL) == 1
    saturated = _by_pairs((values == low) | (values == high), np.logical_or)
    used = _local_means(flat | saturated, _WINDOW) <= _MOST_LOST
    if used.mean() < _LEAST_USED:
        used[...] = flat.mean() <= _MOST_LOST
    sigma = float(np.median(details[used])) / _MAD_TO_SIGMA if used.any() else 0.0
    if sigma <= rounding:
        return Noise(0.0, 0.0, 0.0)
    share, other = float(used.mean()), ~used & ~flat
    rest = float(np.median(details[other])) / _MAD_TO_SIGMA if other.any() else 0.0
    total = share * sigma**2 + float(other.mean()) * min(rest, sigma) ** 2
    return Noise(sigma, share, math.sqrt(total))


def _by_pairs(values: np.ndarray, join: Callable[..., np.ndarray]) -> np.ndarray:
    """Join neighbours along each axis to one value; an odd last pixel is left out."""
    for axis in range(values.ndim):
        if n := values.shape[axis] // 2 * 2:
            pairs = np.moveaxis(values, axis, 0)[:n]
            values = np.moveaxis(join(pairs[::2], pairs[1::2]), 0, axis)
    return values


def _local_means(mask: np.ndarray, count: int) -> np.ndarray:
    """Return, at each entry, the mean of the box of about ``count`` entries that it lies in."""
    means = to_float64(mask)
    long = [axis for axis in range(mask.ndim) if mask.shape[axis] > 1]
    for axis in long:
        n = mask.shape[axis]
        boxes = max(1, n // round(count ** (1 / len(long))))
        starts = np.arange(boxes) * n // boxes
        lengths = np.diff(starts, append=n)
        sums = np.moveaxis(np.add.reduceat(means, starts, axis), axis, -1)
        means = np.moveaxis(np.repeat(sums / lengths, lengths, -1), -1, axis)
    return means
