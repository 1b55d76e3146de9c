"""Counts of few photons, recognised by their few values, all multiples of one photon."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import uniform_filter

from .noise_model import NoiseModel

_MOST_VALUES = 40  # of an image of counts; more photons show their gain in flat blocks
_BOX = 7  # pixels along each axis of the boxes of which mean and variance are compared
_LEAST = 0.3  # photons per pixel in a box that is used
_LOW, _HIGH = 0.7, 1.4  # ratio of variance and mean in half of the boxes; 1 for photons


def noise_of_counts(channel: np.ndarray) -> NoiseModel | None:
    r"""The noise of an array (\*space) of photon counts times a gain; None if it is something else.

    The values are 0, 1, 2, ... times the gain, without large gaps, and the variance in small boxes
    is the gain times the mean.
    """
    values = np.unique(channel)
    if not 3 <= len(values) <= _MOST_VALUES or values[0] < 0:
        return None
    gain = float(np.diff(values).min())
    counts = values / gain
    if abs(counts - np.rint(counts)).max() > 0.05 or counts[-1] > 2 * len(values):
        return None
    sides = [min(_BOX, n) for n in channel.shape]
    photons = channel / gain
    mean = uniform_filter(photons, sides)
    variance = uniform_filter(photons**2, sides) - mean**2
    number = float(np.prod(sides))
    used = mean > _LEAST
    if number < _BOX or used.mean() < 0.1:
        return None
    ratio = variance[used] / mean[used] * number / (number - 1)
    low, high = np.quantile(ratio, (0.25, 0.75))
    return NoiseModel(0.0, gain) if low > _LOW and high < _HIGH else None
