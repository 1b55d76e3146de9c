"""The noise that the flat blocks of an image show: white, blurred, or of a camera."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from .cut_off import before_cut_off, saturated_values
from .flat_blocks import (
    BLURS,
    LEAST,
    SIDE,
    Blocks,
    Correlation,
    Fit,
    block_means,
    correlation,
    cut_blocks,
    expected,
    fit_variance,
)
from .noise_model import NoiseModel
from .texture import texture_in

_BINS = 6  # of grey values, if there are enough blocks
# of the line of variances, relative to its value at the mean; above 1, black is not zero
_SLOPES = np.array([0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0])
_DARKEST = 0.01  # share of the image that may be darker than black, in means over blocks
_DRAWN = 0.3  # constant share of an image from which it may be a drawing
_TEXTURE_MISSES = 0.06  # error of correlations in texture, beyond that allowed in blurred noise
_ENOUGH = 0.08  # share of flat blocks that tells blurred noise from texture
_MORE = 4.0  # times as many blocks that must look like noise if it has a gain, if few are flat
_BEYOND = 1.3  # largest mean variance, relative to the largest that was seen
_CORRELATED = 0.35  # correlation of neighbours in texture, beyond that of the noise
# What shows fine texture everywhere, if few blocks are flat: the variance of the median block over
# that of the flattest, and their share of the highest frequencies, relative to that in white noise.
_EVEN, _FINE_TEXTURE = 6.0, 0.75
_FINE = 0.1  # share of the highest frequencies in texture, relative to that in white noise
_WHITE = 0.06, 0.16  # what more of it tells white noise in texture from blurred noise


def noise_in_blocks(
    channel: np.ndarray, others: Sequence[np.ndarray] = (), *, marked: bool = False
) -> NoiseModel | None:
    """The noise of a channel; None if blocks do not show whether it has any.

    The other channels of the image help to tell noise from texture. If ``marked``, pixels with the
    largest value are only marked to be left out.
    """
    space = tuple(n for n in channel.shape if n > 1)
    channel, others = channel.reshape(space), [each.reshape(space) for each in others]
    if not space:
        return None
    blocks, ends = cut_blocks(channel), [] if marked else saturated_values(channel)
    whole = before_cut_off(channel, [], blocks)
    found = _noise_of(channel, others, whole)
    if not ends or (found is not None and found.gain > 0):  # of a camera, in which black has less
        return found
    mended = before_cut_off(channel, ends, blocks)
    model = _noise_of(channel, others, mended)
    if found is None or (
        model is not None and model.share * len(mended) >= found.share * len(whole)
    ):
        return model
    return found  # as after compression, which leaves less of noise that was cut off


def _noise_of(
    channel: np.ndarray, others: Sequence[np.ndarray], blocks: Blocks
) -> NoiseModel | None:
    """The noise in these blocks; None if they do not show whether there is any."""
    if len(blocks) < LEAST:
        return None
    white = fit_variance(blocks, 0.0)
    found = correlation(blocks, white.count)
    usual = expected(blocks.ndim, white.share)
    if not white.fits and blocks.constant > _DRAWN:
        return None  # perhaps a drawing: what is not constant are its edges
    model = None
    if float(found.near.mean()) > usual[0, 0] + 0.1 + 2 * _error(blocks, white):
        model = _blurred(blocks, found, usual, channel, others)
    variance = white.variance * (1 - _texture(blocks, white, found))
    if model is None or model.variance < variance:
        model = NoiseModel(variance, share=white.share if variance > 0 else 0.0)
        if variance > 0:
            camera = _line_through_bins(blocks, channel) or _line_for_all(blocks, channel)
            model = camera or model
    even = float(np.median(blocks.variance)) < _EVEN * white.variance
    fine = found.finest < _FINE_TEXTURE * usual[0, 3]
    few = white.share < _ENOUGH
    white_only = model.blur == 0 == model.gain
    return replace(model, textured=bool(white_only and few and even and fine))


def _error(blocks: Blocks, fit: Fit) -> float:
    """Standard deviation of a correlation in white noise."""
    return 1 / math.sqrt(0.875 * SIDE[blocks.ndim] ** blocks.ndim * fit.count)


def _texture(blocks: Blocks, fit: Fit, found: Correlation) -> float:
    """The share of the variance that is texture, between a lower and an upper bound.

    Texture has little of the highest frequencies, and its neighbours are correlated.
    """
    usual = expected(blocks.ndim, fit.share)[0]
    smooth = (1 - found.finest / usual[3]) / (1 - _FINE)
    excess = float(found.near.max() - usual[0]) - 1.5 * _error(blocks, fit)
    return float(np.clip([smooth, excess / _CORRELATED], 0, 1).mean())


def _blurred(
    blocks: Blocks,
    found: Correlation,
    usual: np.ndarray,
    channel: np.ndarray,
    others: Sequence[np.ndarray],
) -> NoiseModel | None:
    """The model of blurred noise; None if correlations or variances are not those of such noise."""
    width = float(np.interp(found.near.mean(), usual[:, 0], BLURS))
    for _ in range(2):
        fit = fit_variance(blocks, min(BLURS, key=lambda blur: abs(blur - width)))
        found, usual = correlation(blocks, fit.count), expected(blocks.ndim, fit.share)
        width = float(np.interp(found.near.mean(), usual[:, 0], BLURS))
    allowed = 0.05 + 2 * _error(blocks, fit)
    misses = [
        abs(found.diagonal - float(np.interp(width, BLURS, usual[:, 1]))) - allowed,
        abs(found.far - float(np.interp(width, BLURS, usual[:, 2]))) - allowed,
        (float(np.ptp(found.near)) - 1.5 * allowed) / 1.5,
    ]
    noise = 1 - max(0.0, *misses) / _TEXTURE_MISSES  # what is not blurred noise is texture
    noise *= min(1.0, fit.share * blocks.part / _ENOUGH)
    excess = (found.finest - float(np.interp(width, BLURS, usual[:, 3]))) / usual[0, 3]
    noise *= 1 - min(1.0, max(0.0, (excess - _WHITE[0]) / (_WHITE[1] - _WHITE[0])))
    if not fit.fits or noise <= 0:
        return None
    noise *= 1 - texture_in(blocks, fit, width, channel, others)
    if noise == 0:
        return None
    return NoiseModel(fit.variance * noise, blur=width, share=fit.share)


def _line_for_all(blocks: Blocks, channel: np.ndarray) -> NoiseModel | None:
    """The line that makes most of all blocks look like noise, if they are many more than without.

    The variances of all blocks are divided by the line, and fitted together. So a few flat blocks
    of each grey value are enough.
    """
    middle = float(blocks.mean.mean())
    fits = []
    for slope, line in _lines(blocks.mean, middle, channel):
        fit = fit_variance(replace(blocks, variance=np.sort(blocks.variance / line)), 0.0)
        fits.append((slope, line, fit))
    shares = [fit.share if fit.fits else 0.0 for *_, fit in fits]
    if not fits or max(shares) < max(_MORE * shares[0], _ENOUGH / blocks.part):
        return None
    best = np.flatnonzero(np.array(shares) == max(shares))
    slope, line, fit = fits[best[len(best) // 2]]
    own = blocks.over(line)
    texture = _texture(own, fit, correlation(own, fit.count))
    if texture > 0.5:
        return None
    level = fit.variance * (1 - texture)
    return NoiseModel(level * (1 - slope), level * slope / middle, share=fit.share)


def _line_through_bins(blocks: Blocks, channel: np.ndarray) -> NoiseModel | None:
    """The line through the variances in several bins of grey values, if many blocks are flat.

    Texture makes some of them too large, so the line is fitted by a median.
    """
    bins = min(_BINS, len(blocks) // 40)
    if bins < 3:
        return None
    edges = np.quantile(blocks.mean, np.linspace(0, 1, bins + 1))
    grey, variance, weight = [], [], []
    for low, high in zip(edges[:-1], edges[1:], strict=True):
        own = blocks.where((blocks.mean >= low) & (blocks.mean <= high))
        if len(own) < LEAST:
            continue
        fit = fit_variance(own, 0.0)
        texture = _texture(own, fit, correlation(own, fit.count))
        if texture > 0.5:
            continue
        grey.append(float(own.mean[: fit.count].mean()))
        variance.append(fit.variance * (1 - texture))
        weight.append(fit.share * (1 - texture) * (1.0 if fit.fits else 0.25))
    if len(grey) < 3 or min(grey) < 0:
        return None
    x, y, w = np.array(grey), np.array(variance), np.array(weight) / np.sum(weight)
    middle = float((w * x).sum())
    best: tuple[float, float, float] | None = None
    flat = 0.0
    for slope, shape in _lines(x, middle, channel):
        ratio = np.log(y / shape)
        level = _weighted_median(ratio, w)
        spread = float((w * abs(ratio - level)).sum())
        flat = spread if slope == 0 else flat
        if best is None or spread < best[0]:
            best = spread, slope, math.exp(level)
    if best is None:
        return None
    spread, slope, level = best
    share = float(np.mean(weight))
    if slope == 0 or spread > 0.15 or spread > 0.5 * flat or share < 2 * _ENOUGH:
        return None
    if share * blocks.part < _ENOUGH:
        return None
    model = NoiseModel(level * (1 - slope), level * slope / middle, share=share)
    seen = float(y.max())  # not much more may be said of brighter parts, where no block was flat
    return model if model.mean_square(channel) < _BEYOND * seen else None


def _lines(
    grey: np.ndarray, middle: float, channel: np.ndarray
) -> Iterator[tuple[float, np.ndarray]]:
    """Slopes and the lines of variances, which are 1 at the middle grey value."""
    dark = float(np.quantile(block_means(channel), _DARKEST))
    for slope in _SLOPES:
        if middle <= 0 or (slope > 1 and middle * (1 - 1 / slope) > dark):
            return
        line = (1 - slope) + slope * grey / middle
        if line.min() <= 0:
            return
        yield float(slope), line


def _weighted_median(values: np.ndarray, weights: np.ndarray) -> float:
    order = np.argsort(values)
    place = np.searchsorted(np.cumsum(weights[order]), 0.5 * weights.sum())
    return float(values[order][min(place, len(values) - 1)])
