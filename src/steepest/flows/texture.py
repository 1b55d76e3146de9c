"""Tell fine texture from blurred noise, which has the same correlations of neighbours."""

import math
from collections.abc import Sequence

import numpy as np

from .cut_off import before_cut_off, saturated_values
from .flat_blocks import (
    BLURS,
    LEAST,
    Blocks,
    Fit,
    autocorrelation,
    cut_blocks,
    fit_variance,
    values_in,
)

# Ranges over which evidence goes from none to all of it.
_SHARED = 0.45, 0.65  # correlation of a channel with the others
_SAME = 0.98  # above which they show one grey image
_MORE = 0.15, 0.35  # log2 of the variance at half the resolution, relative to blurred noise
_LESS = 0.5  # what is subtracted from these if few blocks are flat
_WEAKER = 0.6, 1.0  # the logarithm of the inverse, in what compression leaves of texture
# Without other colours, the share of flat blocks, and that logarithm:
_FEW = 0.35, 0.18
_GREY_MORE = 1.2, 2.0


def texture_in(
    blocks: Blocks, fit: Fit, blur: float, channel: np.ndarray, others: Sequence[np.ndarray]
) -> float:
    """From 0 to 1, how much it looks as if the flattest blocks showed fine texture, not noise.

    At half the resolution, blurred noise is weaker by a known factor. Texture of many sizes is not.
    Noise of a sensor is nearly independent in the colours, texture is in all of them. But JPEG may
    make the noise of all colours equal. So if colours agree, a little more variance at half the
    resolution shows texture (or, if few blocks are flat, as much), and so does much less, which is
    what compression leaves of it. Without colours, it must be much more, and few blocks flat.
    """
    shared = _correlation(blocks, fit, others)
    few = _between(fit.share * blocks.part, _FEW)
    likely = few if shared is None else _between(shared, _SHARED)
    if likely == 0:
        return 0.0
    excess = _at_half(channel, fit.variance, blur)
    if shared is None:
        return likely * _between(excess, _GREY_MORE)
    return likely * max(_between(excess + _LESS * few, _MORE), _between(-excess, _WEAKER))


def _between(value: float, ends: tuple[float, float]) -> float:
    return min(1.0, max(0.0, (value - ends[0]) / (ends[1] - ends[0])))


def _at_half(channel: np.ndarray, variance: float, blur: float) -> float:
    """The variance at half the resolution over that of blurred noise; its logarithm to base two."""
    half = channel
    for axis, n in enumerate(channel.shape):
        pairs = np.moveaxis(half, axis, 0)[: n // 2 * 2]
        half = np.moveaxis((pairs[::2] + pairs[1::2]) / 2, 0, axis)
    blocks = before_cut_off(half, saturated_values(half), cut_blocks(half))
    if len(blocks) < LEAST:
        return 0.0
    one, two, three = autocorrelation(blur)[1:4]
    near = (one + 2 * two + three) / (2 + 2 * one)
    width = min(BLURS, key=lambda b: abs(autocorrelation(b)[1] - near))
    expected = variance * ((1 + one) / 2) ** channel.ndim
    return math.log2(fit_variance(blocks, width).variance / expected)


def _correlation(blocks: Blocks, fit: Fit, others: Sequence[np.ndarray]) -> float | None:
    """The mean correlation with other channels; None if there are none, or all are the same."""
    own = values_in(blocks.channel, blocks.place[: fit.count])
    found = []
    for each in others:
        values = values_in(each, blocks.place[: fit.count])
        size = math.sqrt(float((values * values).sum() * (own * own).sum()))
        found.append(float((values * own).sum()) / size if size > 0 else 0.0)
    return float(np.mean(found)) if found and max(found) < _SAME else None
