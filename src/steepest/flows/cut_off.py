"""Noise that is cut off at black and white, where the pixels of an image are saturated."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache

import numpy as np
from scipy.ndimage import uniform_filter
from scipy.special import ndtr

from .flat_blocks import LEAST, Blocks, fit_variance
from .noise_model import NoiseModel

_SATURATED = 0.002  # share of pixels at the least or largest value that shows saturation
_LEFT, _NEARLY_ALL = 0.25, 0.97  # least share of the variance of noise that is cut off
_ROUNDS = 10  # most estimates of the noise of which a part was cut off
_STEPS = 1.8  # least deviation of noise that is cut off, in grey levels
_BOX = 5  # pixels along each axis of the boxes whose mean tells how much is cut off


def saturated_in(array: np.ndarray, sigma: float) -> np.ndarray:
    r"""Where noise of this deviation is cut off at the ends of the channels of (channels, \*space).

    If the next value is further away, as in counts of few photons, it is not cut off.
    """
    found = np.zeros(array.shape, bool)
    for channel, where in zip(array, found, strict=True):
        for distance in (channel - channel.min(), channel.max() - channel):
            if np.min(distance, where=distance > 0, initial=np.inf) < sigma:
                where |= distance == 0
    return found


def saturated_values(channel: np.ndarray) -> list[float]:
    """The least and the largest value, if so many pixels have it that they are saturated."""
    ends = (float(channel.min()), float(channel.max()))
    return [end for end in ends if (channel == end).mean() > _SATURATED]


def before_cut_off(channel: np.ndarray, ends: Sequence[float], blocks: Blocks) -> Blocks:
    """The blocks with the variances that their noise had before it was cut off at these values.

    Of Gaussian noise at t deviations from an end, the mean distance to it is ``t Phi(t) + phi(t)``,
    which tells t, and t tells the share of the variance that is left. It is a third of it
    where the image itself is saturated, and blocks with still less are left out. So are all that
    have lost any if the noise is hardly more than a grey level. Without ends, blocks of which more
    than a pixel in a hundred is saturated are left out.
    """
    if not ends:
        return blocks.where(blocks.saturated < 0.01)
    mean, left, _ = _cut_off()
    distances = [abs(channel - end) for end in ends]
    step = max(float(np.min(d, where=d > 0, initial=np.inf)) for d in distances)
    own, deviation = blocks, 0.0
    for _ in range(_ROUNDS):
        if len(own) < LEAST:
            break
        before, deviation = deviation, math.sqrt(fit_variance(own, 0.0).variance)
        if abs(deviation - before) < 0.002 * deviation:
            break
        far = [abs(blocks.mean - end) / deviation for end in ends]
        share = np.prod([np.interp(each, mean, left) for each in far], axis=0)
        some = np.flatnonzero(share > (_LEFT if deviation > _STEPS * step else _NEARLY_ALL))
        own = blocks.where(some).over(share[some])
    return own


def mean_beyond(array: np.ndarray, models: Sequence[NoiseModel], where: np.ndarray) -> np.ndarray:
    r"""The mean of what is cut off of the noise of (channels, \*space), 0 but where a mask holds.

    Of Gaussian noise that ends up beyond an end, t deviations away, it is ``phi(t)/Phi(-t) - t``.
    The mean of a box tells t, as in `before_cut_off`. Noise of photons is too skewed for that.
    """
    mean, _, beyond = _cut_off()
    found = np.zeros(array.shape)
    for channel, model, cut, own in zip(array, models, where, found, strict=True):
        local = uniform_filter(channel, [min(_BOX, n) for n in channel.shape])
        for end, sign in ((channel.min(), -1), (channel.max(), 1)):
            some = cut & (channel == end)
            if model.gain == 0 and (deviation := math.sqrt(model.variance)):
                far = abs(local[some] - end) / deviation
                own[some] = sign * deviation * np.interp(far, mean, beyond)
    return found


@cache
def _cut_off() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of unit noise around t, cut off at 0: mean, variance, and mean distance of what is cut off.

    All are for the same t, from small to large.
    """
    t = np.linspace(-3, 5, 400)
    below, density = ndtr(t), np.exp(-0.5 * t * t) / math.sqrt(2 * math.pi)
    mean = t * below + density
    return mean, (t * t + 1) * below + t * density - mean**2, density / ndtr(-t) - t
