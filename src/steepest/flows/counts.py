"""Counts of few photons, recognised by their few values, all multiples of one photon."""

import numpy as np
from scipy.ndimage import uniform_filter

from .cut_off import saturated_values
from .noise_model import NoiseModel

_MOST_VALUES = 64  # of an image of counts; more photons show their gain in flat blocks
_BOX = 7  # pixels along each axis of the boxes of which mean and variance are compared
_LEAST = 0.3  # photons per pixel in a box that is used
_CUT_OFF = 2.0  # deviations from white, where counts are cut off, of boxes that are not used
# The ratio of variance and mean is 1 for photons and larger in texture: its first decile, of which
# that of drawings and rounded photographs is below 0.4, and its median.
_LOW, _HIGH = 0.65, 1.4


def noise_of_counts(channel: np.ndarray) -> NoiseModel | None:
    r"""The noise of an array (\*space) of photon counts times a gain; None if it is something else.

    The values are 0, 1, 2, ... times the gain, without large gaps, and the variance in small boxes
    is the gain times the mean.
    """
    if len(np.unique(channel.ravel()[:4096])) > _MOST_VALUES:
        return None
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
    if float(channel.max()) in saturated_values(channel):
        used &= mean + _CUT_OFF * np.sqrt(mean.clip(0)) < counts[-1]
    if number < _BOX or used.mean() < 0.1:
        return None
    ratio = variance[used] / mean[used] * number / (number - 1)
    low, median = np.quantile(ratio, (0.1, 0.5))
    return NoiseModel(0.0, gain) if low > _LOW and median < _HIGH else None
