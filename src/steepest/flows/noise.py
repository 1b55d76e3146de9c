"""Estimate the noise of one image: its variance for each grey value, and its correlation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from numbers import Real
from typing import Any

import numpy as np
from scipy.ndimage import uniform_filter

from ..core.arrays import as_array, normalize_axis, prepare_image
from ..core.errors import InputError
from ..core.namespace import Array, detached
from ..core.numbers import check_number
from .exposures import fit_line
from .flat_blocks import (
    BLURS,
    LEAST,
    Blocks,
    Correlation,
    Fit,
    constant_in,
    correlation,
    cut_blocks,
    expected,
    fit_variance,
)
from .haar_noise import Noise, haar_noise
from .jpeg_noise import noise_before_jpeg

_BINS = 6  # of grey values, if there are enough blocks
# of the line of variances, relative to its value at the mean; above 1, black is not zero
_SLOPES = np.array([0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0])
_DARKEST = 0.01  # share of the image that may be darker than black, in means of 8 pixels per axis
_DRAWN = 0.3  # constant share of an image from which it may be a drawing
_TEXTURE_MISSES = 0.06  # error of correlations in texture, beyond that allowed in blurred noise
_ENOUGH = 0.08  # share of flat blocks that tells blurred noise from texture
_TEXTURE = 0.35  # correlation of neighbours in texture, beyond that of the noise


@dataclass(frozen=True)
class NoiseModel:
    """Additive noise: variance ``offset + gain * grey value``, correlated like white noise blurred.

    Parameters
    ----------
    offset, gain : float
        The variance of the noise where the image has a grey value: ``max(offset + gain * value,
        0)``. A camera has the gain of its photons and the offset of its electronics. The gain is 0
        for noise that is the same everywhere.
    blur : float
        Standard deviation, in pixels, of the Gaussian by which white noise would be blurred to have
        this correlation. It is 0 for white noise.
    share : float
        Share of the image that is flat enough to show the noise. It is 0 if no noise was found.

    Raises
    ------
    InputError
        If a value is not a number, or the variance or blur is negative.
    """

    offset: float
    gain: float = 0.0
    blur: float = 0.0
    share: float = 1.0

    def __post_init__(self) -> None:
        for name in ("offset", "gain"):  # variances of tiny images may be below 1e-150
            value = getattr(self, name)
            if not isinstance(value, Real) or not math.isfinite(value):
                raise InputError(f"{name}={value!r} must be a finite number")
        if self.offset < 0 and self.gain == 0:
            raise InputError(f"offset={self.offset!r}; without a gain, it must not be negative")
        check_number(self.blur, "blur")
        check_number(self.share, "share", most=1.0)

    @property
    def camera(self) -> tuple[float, float, float]:
        """The ``gain``, ``read_noise`` and ``offset`` of `anscombe` for this noise.

        Raises `InputError` if the variance does not grow with the grey value, or the noise is
        blurred: `anscombe` is for photons.
        """
        if self.gain <= 0 or self.blur > 0:
            raise InputError(f"{self} is not the noise of photons: the gain must be positive")
        if self.offset < 0:  # the grey value without light
            return float(self.gain), 0.0, -self.offset / self.gain
        return float(self.gain), math.sqrt(self.offset), 0.0

    def scaled(self, factor: float) -> NoiseModel:
        """The noise of the image multiplied by a positive factor."""
        return replace(self, offset=self.offset * factor**2, gain=self.gain * factor)

    def deviation(self, values: Any) -> np.ndarray:
        """Standard deviation of the noise where the image has these grey values."""
        return np.sqrt(np.maximum(self.offset + self.gain * np.asarray(values, np.float64), 0))

    def sample(self, values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Noise of this model for an image (channels, \\*space), in float64."""
        from scipy.ndimage import gaussian_filter

        noise = rng.standard_normal(values.shape)
        if self.blur:
            widths = (0, *(self.blur if n > 1 else 0 for n in values.shape[1:]))
            noise = gaussian_filter(noise, widths, mode="wrap")
            noise /= math.sqrt(float((noise * noise).mean()))
        return noise * self.deviation(values)


def estimate_noise_model(
    image: Any, channel_axis: int | None = None, *, exposure_axis: int | None = None
) -> NoiseModel | tuple[NoiseModel, ...]:
    """Estimate the noise of one image from its flattest blocks, or of repeated exposures.

    From blocks of 8 x 8 pixels (32 in 1-D, 4 x 4 x 4 in 3-D), the best plane is removed. Where the
    picture is flat, the variances that are left are distributed as those of noise. The largest
    share of blocks for which this holds gives the variance. Correlations between neighbours tell
    whether the noise is white, blurred white noise, or partly texture, whose share is removed. If
    the variances of bright and dark blocks lie on a line, the noise has a gain, as that of photons.
    Of a grey image that was compressed as JPEG, it is the white noise before compression.

    Repeated exposures of a scene that does not move show the variance of every pixel. The line
    ``offset + gain * mean`` through these variances, as functions of the mean, is the one of
    maximum likelihood for Gaussian noise, by Fisher scoring. Such noise is taken to be white.

    Parameters
    ----------
    image : array, 1-D to 3-D plus optional channel and exposure axes
    channel_axis : int, optional
        Axis of the channels.
    exposure_axis : int, optional
        Axis of the repeated exposures, of which there are at least two.

    Returns
    -------
    NoiseModel, or a tuple of one for each channel
        For grey values on the [0, 1] scale for uint8 and uint16 images. The ``share`` is 0 if no
        noise is found, as in a drawing. Of images with fewer than 20 blocks, or that are constant
        in a third of their area without showing noise elsewhere, Haar details give a model of white
        noise.

    Raises
    ------
    InputError
        Bad image, or fewer than two exposures.
    """
    if exposure_axis is None:
        channels, unit = _near_one(image, channel_axis)
        found = tuple(noise_of_channel(each).scaled(unit) for each in channels)
    else:
        channels, unit = _exposures(image, channel_axis, exposure_axis)
        fits = [fit_line(each) for each in channels]
        found = tuple(NoiseModel(*fit[:2], share=fit[2]).scaled(unit) for fit in fits)
    return found[0] if channel_axis is None else found


def estimate_noise(image: Any, channel_axis: int | None = None) -> float:
    """Estimate the standard deviation of the noise of one image.

    This is the root mean square, over the image, of the noise found by `estimate_noise_model` in
    each channel. Flat, padded and saturated regions do not count in the estimate.

    Parameters
    ----------
    image : array, 1-D to 3-D plus optional channel axis
    channel_axis : int, optional
        Axis of the channels.

    Returns
    -------
    float
        In grey values, on the [0, 1] scale for uint8 and uint16 images. The result is 0 if no noise
        is found, as in images that are drawn, constant or a single pixel.

    Raises
    ------
    InputError
        Bad image.
    """
    channels, unit = _near_one(image, channel_axis)
    return noise_of(channels).sigma * unit


def _near_one(image: Any, channel_axis: int | None) -> tuple[np.ndarray, float]:
    r"""The image as (channels, \*space) over a power of two, so that no square overflows."""
    array, _ = prepare_image(image, channel_axis)
    return _over_unit(np.asarray(detached(array)))


def _exposures(
    image: Any, channel_axis: int | None, exposure_axis: int
) -> tuple[np.ndarray, float]:
    r"""Exposures as (channels, exposures, \*space) over a power of two."""
    array = as_array(image, "image")
    exposures = normalize_axis(exposure_axis, array.ndim, "exposure_axis")
    channels = normalize_axis(channel_axis, array.ndim, "channel_axis")
    assert exposures is not None
    if channels == exposures or array.shape[exposures] < 2:
        raise InputError(
            f"exposure_axis={exposure_axis} of an image of shape {tuple(array.shape)}; it must "
            "have at least two exposures, and not be channel_axis"
        )
    if channels is not None:
        channels -= channels > exposures
    array = np.moveaxis(np.asarray(detached(array)), exposures, 0)
    each = np.stack([np.asarray(prepare_image(one, channels)[0]) for one in array], axis=1)
    return _over_unit(each.astype(np.float64))


def _over_unit(values: np.ndarray) -> tuple[np.ndarray, float]:
    """Values over a power of two, so that they are near one; and that power."""
    unit = 2.0 ** math.frexp(float(abs(values).max()))[1]
    return values / unit, unit


def noise_of(array: Array) -> Noise:
    r"""The deviation, the share and the total of the noise of an array (channels, \*space)."""
    channels = np.asarray(detached(array), np.float64)
    return level_of([noise_of_channel(each) for each in channels], channels)


def level_of(models: Sequence[NoiseModel], channels: np.ndarray) -> Noise:
    """The level of the noise of these models in an image; there is none where it is constant."""
    noisy = ~constant_in(channels)
    noisy &= np.array([m.share > 0 for m in models]).reshape(-1, *[1] * (channels.ndim - 1))
    share = float(noisy.mean())
    if share == 0:
        return Noise(0.0, 0.0, 0.0)
    pairs = zip(models, channels, noisy, strict=True)
    square = sum(float((m.deviation(c[own]) ** 2).sum()) for m, c, own in pairs) / channels.size
    return Noise(math.sqrt(square / share), share, math.sqrt(square))


def noise_of_channel(channel: np.ndarray) -> NoiseModel:
    r"""The noise of an array (\*space) with values near one; if it is small, by Haar details."""
    before = noise_before_jpeg(channel)
    if before is not None:
        return NoiseModel(before[0] ** 2, share=before[1])
    found = _noise_in_blocks(channel)
    if found is None:
        haar = haar_noise(channel)
        found = NoiseModel(haar.sigma**2, share=haar.share)
    return found


def _noise_in_blocks(channel: np.ndarray) -> NoiseModel | None:
    """The noise of a channel; None if blocks do not show whether it has any."""
    space = tuple(n for n in channel.shape if n > 1)
    blocks = cut_blocks(channel.reshape(1, *space)) if space else None
    if blocks is None or len(blocks) < LEAST:
        return None
    white = fit_variance(blocks, 0.0)
    found = correlation(blocks, white.count)
    usual = expected(blocks.ndim, white.share)
    if not white.fits and blocks.constant > _DRAWN:
        return None  # perhaps a drawing: what is not constant are its edges
    if float(found.near.mean()) > usual[0, 0] + 0.1 + 2 * _error(blocks, white):
        blurred = _blurred(blocks, found, usual)
        if blurred is not None:
            return blurred
    variance = white.variance * (1 - _texture(blocks, white, found))
    if variance == 0:
        return NoiseModel(0.0, share=0.0)
    camera = _camera(blocks, channel)
    return NoiseModel(variance, share=white.share) if camera is None else camera


def _error(blocks: Blocks, fit: Fit) -> float:
    """Standard deviation of a correlation in white noise."""
    return 1 / math.sqrt(0.875 * blocks.values.shape[1] * fit.count)


def _texture(blocks: Blocks, fit: Fit, found: Correlation) -> float:
    """The share of the variance that is texture, which is correlated where white noise is not."""
    usual = expected(blocks.ndim, fit.share)[0, 0]
    excess = float(found.near.max() - usual) - 1.5 * _error(blocks, fit)
    return min(1.0, max(0.0, excess / _TEXTURE))


def _blurred(blocks: Blocks, found: Correlation, usual: np.ndarray) -> NoiseModel | None:
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
    noise *= min(1.0, fit.share / _ENOUGH)
    if not fit.fits or noise <= 0:
        return None
    return NoiseModel(fit.variance * noise, blur=width, share=fit.share)


def _camera(blocks: Blocks, channel: np.ndarray) -> NoiseModel | None:
    """The model of noise that grows with the grey value, if that explains bright and dark blocks.

    The variance is found in each of several bins of grey values. Texture makes some of them too
    large, so the line through them is fitted by a median.
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
    middle, dark = float((w * x).sum()), float(np.quantile(uniform_filter(channel, 8), _DARKEST))
    best: tuple[float, float, float] | None = None
    flat = 0.0
    for slope in _SLOPES:
        shape = (1 - slope) + slope * x / middle
        if slope > 1 and middle * (1 - 1 / slope) > dark:
            break
        ratio = np.log(y / shape)
        level = _weighted_median(ratio, w)
        spread = float((w * abs(ratio - level)).sum())
        flat = spread if slope == 0 else flat
        if best is None or spread < best[0]:
            best = spread, float(slope), math.exp(level)
    assert best is not None
    spread, slope, level = best
    share = float(np.mean(weight))
    if slope == 0 or spread > 0.15 or spread > 0.5 * flat or share < 2 * _ENOUGH:
        return None
    return NoiseModel(level * (1 - slope), level * slope / middle, share=share)


def _weighted_median(values: np.ndarray, weights: np.ndarray) -> float:
    order = np.argsort(values)
    place = np.searchsorted(np.cumsum(weights[order]), 0.5 * weights.sum())
    return float(values[order][min(place, len(values) - 1)])
