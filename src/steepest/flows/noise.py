"""Estimate the noise of one image: its variance for each grey value, and its correlation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core.arrays import as_array, normalize_axis, prepare_image
from ..core.errors import InputError
from ..core.namespace import Array, detached
from .colour_noise import each_colour, noise_of_colour_jpeg, sample_colours
from .counts import noise_of_counts
from .exposures import fit_line
from .flat_blocks import constant_in
from .haar_noise import Noise, haar_noise
from .jpeg_noise import noise_before_jpeg
from .noise_in_blocks import noise_in_blocks
from .noise_model import NoiseModel


def estimate_noise_model(
    image: Any, channel_axis: int | None = None, *, exposure_axis: int | None = None
) -> NoiseModel | tuple[NoiseModel, ...]:
    """Estimate the noise of one image from its flattest blocks, or of repeated exposures.

    From blocks of 8 x 8 pixels (32 in 1-D, 4 x 4 x 4 in 3-D), the best plane is removed. Where the
    picture is flat, the variances that are left are distributed as those of noise. The largest
    share of blocks for which this holds gives the variance. Correlations between neighbours tell
    whether the noise is white, blurred white noise, or partly texture, whose share is removed. If
    the variances of bright and dark blocks lie on a line, the noise has a gain, as that of photons.
    If not, noise that is cut off at black and white is given as it was before.
    Of an image that was compressed as JPEG, it is the white noise before compression, in grey or in
    luminance, and what is left of that of the colours.

    Repeated exposures of a scene that does not move show the variance of every pixel. The line
    ``variance + gain * mean`` through these variances, as functions of the mean, is the one of
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
        found = tuple(model.scaled(unit) for model in image_noise(channels).models)
    else:
        channels, unit = _exposures(image, channel_axis, exposure_axis)
        fits = [fit_line(each) for each in channels]
        found = tuple(NoiseModel(*fit[:2], share=fit[2]).scaled(unit) for fit in fits)
    return found[0] if channel_axis is None else found


def estimate_noise(image: Any, channel_axis: int | None = None) -> float:
    """Estimate the standard deviation of the noise of one image.

    This is the root mean square, over the image, of the noise found by `estimate_noise_model` in
    each channel. Flat and padded regions do not count in the estimate.

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
    channels = np.asarray(detached(array))
    return level_of(image_noise(channels).models, channels, constant_in(channels))


@dataclass(frozen=True, eq=False)
class ImageNoise:
    """The noise of an image: ``models``, one for each channel.

    If the noise of the channels is not independent, ``mixed`` are those of luminance and colour
    differences.
    """

    models: tuple[NoiseModel, ...]
    mixed: tuple[NoiseModel, ...] | None = None

    def sample(self, values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        r"""Noise for an image (channels, \*space), in float64."""
        if self.mixed is not None:
            return sample_colours(self.mixed, values, rng)
        pairs = zip(self.models, values, strict=True)
        return np.stack([model.sample(each[None], rng)[0] for model, each in pairs])


def image_noise(channels: np.ndarray) -> ImageNoise:
    r"""Estimate the noise of an array (channels, \*space) with values near one."""
    mixed = noise_of_colour_jpeg(channels)
    if mixed is not None:
        return ImageNoise(each_colour(mixed, channels), mixed)
    rest = [[*channels[:i], *channels[i + 1 :]] for i in range(len(channels))]
    pairs = zip(channels, rest, strict=True)
    return ImageNoise(tuple(_noise_of_channel(each, others) for each, others in pairs))


def level_of(models: Sequence[NoiseModel], channels: np.ndarray, constant: np.ndarray) -> Noise:
    """The level of the noise of these models in an image; there is none where it is constant."""
    noisy = ~constant
    noisy &= np.array([m.share > 0 for m in models]).reshape(-1, *[1] * (channels.ndim - 1))
    share = float(noisy.mean())
    if share == 0:
        return Noise(0.0, 0.0, 0.0)
    pairs = zip(models, channels, noisy, strict=True)
    square = sum(m.mean_square(c, own) * float(own.mean()) for m, c, own in pairs if own.any())
    square /= len(channels)
    return Noise(math.sqrt(square / share), share, math.sqrt(square))


def _noise_of_channel(channel: np.ndarray, others: Sequence[np.ndarray]) -> NoiseModel:
    r"""The noise of an array (\*space) with values near one; if it is small, by Haar details."""
    counted = noise_of_counts(channel)
    if counted is not None:
        return counted
    before = noise_before_jpeg(channel)
    if before is not None:
        return NoiseModel(before[0] ** 2, share=before[1])
    found = noise_in_blocks(channel, others)
    if found is None:
        haar = haar_noise(channel)
        found = NoiseModel(haar.sigma**2, share=haar.share)
    return found
