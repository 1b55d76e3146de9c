"""Noise that is cut off at black and white, where the pixels of an image are saturated."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache

import numpy as np
from scipy.ndimage import uniform_filter
from scipy.special import ndtr, ndtri

from .flat_blocks import LEAST, SIDE, Blocks, fit_variance, windows
from .noise_model import NoiseModel

_SATURATED = 0.002  # share of pixels at the least or largest value that shows saturation
_LEFT, _NEARLY_ALL = 0.5, 0.97  # least share of the variance of noise that is cut off
_ROUNDS = 10  # most estimates of the noise of which a part was cut off
_CUT_OFF = 0.2, 0.7  # share of saturated pixels in blocks that show how noise is cut off
_FLATTEST, _LESS = 0.05, 0.86  # quantile of what these blocks show, and its bias in flat ones
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
    which tells t, and t tells the share of the variance that is left. Blocks with less than half of
    it are left out; if noise is not much more than a grey level, all with less than nearly all.
    """
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
    The mean of a box tells t, as in `before_cut_off`.
    """
    mean, _, beyond = _cut_off()
    found = np.zeros(array.shape)
    for channel, model, cut, own in zip(array, models, where, found, strict=True):
        local = uniform_filter(channel, [min(_BOX, n) for n in channel.shape])
        for end, sign in ((channel.min(), -1), (channel.max(), 1)):
            some = cut & (channel == end)
            if deviation := float(model.deviation(end)):
                far = abs(local[some] - end) / deviation
                own[some] = sign * deviation * np.interp(far, mean, beyond)
    return found


def cut_off_deviations(channel: np.ndarray) -> tuple[float, float]:
    """An upper bound of the deviation of noise that is cut off at the least and the largest value.

    Infinity if nothing shows it. If the share Phi(-z) of a flat block is saturated, the mean
    distance of its pixels to the end of the range is ``sigma (z Phi(z) + phi(z))``. Other blocks
    show more, so those that show the least are taken.
    """
    if min(channel.shape) < SIDE[channel.ndim]:
        return math.inf, math.inf
    rows, found = windows(channel), []
    for distance in (rows - channel.min(), channel.max() - rows):
        found.append(math.inf)
        share = (distance == 0).mean(1)
        some = (share > _CUT_OFF[0]) & (share < _CUT_OFF[1])
        if some.sum() >= 2 * LEAST:
            z = ndtri(1 - share[some])
            normal = z * ndtr(z) + np.exp(-0.5 * z * z) / math.sqrt(2 * math.pi)
            step = float(distance[distance > 0].min())  # of rounding, which adds half of it
            mean = distance[some].mean(1) - step / 2 * (1 - share[some])
            sigma = float(np.quantile(mean / normal, _FLATTEST)) / _LESS
            if sigma > _STEPS * step:  # not few photons, which end at 0
                found[-1] = sigma
    return found[0], found[1]


@cache
def _cut_off() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of unit noise around t, cut off at 0: mean, variance, and mean distance of what is cut off.

    All are for the same t, from small to large.
    """
    t = np.linspace(-3, 5, 400)
    below, density = ndtr(t), np.exp(-0.5 * t * t) / math.sqrt(2 * math.pi)
    mean = t * below + density
    return mean, (t * t + 1) * below + t * density - mean**2, density / ndtr(-t) - t
