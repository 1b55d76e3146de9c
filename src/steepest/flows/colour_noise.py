"""The noise of colour photographs that were compressed as JPEG.

JPEG stores luminance and two colour differences, the differences usually with half the resolution
and larger steps. So noise that was independent in red, green and blue is not so afterwards.
"""

import math
from dataclasses import replace

import numpy as np

from ..core.grey import LUMA
from .jpeg_noise import rounded_coefficients, rounded_noise
from .noise_in_blocks import noise_in_blocks
from .noise_model import NoiseModel

_TO_YCC = np.array(
    [LUMA, [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]]
)  # JFIF: luminance, blue difference, red difference
_TO_RGB = np.linalg.inv(_TO_YCC)
_GAINS = np.linalg.norm(_TO_YCC, axis=1)  # deviations for unit noise in red, green and blue
_SMOOTH = 0.5  # most white noise of a difference, relative to that expected, which shows smoothing
_HALVED = 0.31, 1.05  # deviation and blur of white noise at half the resolution, interpolated
_MOST = 2**20  # pixels of which second differences are taken
_ROUGH = 0.7  # roughness of a colour difference from which noise has survived in it


def noise_of_colour_jpeg(image: np.ndarray) -> tuple[NoiseModel, ...] | None:
    """The noise of luminance and colour differences of an image (3, height, width).

    That of luminance is the noise before compression. That of a difference is what is left of it:
    none, blurred noise, or if the difference is as rough as noise, all of it. The result is None
    if no blocks look like rounded noise, unless the differences are too smooth for noise like that
    of luminance, as where the steps of JPEG are small and only the resolution is halved.
    """
    if image.ndim != 3 or len(image) != 3:
        return None
    _, *colours = mixed = _mixed(image)
    low, high = image.min((1, 2), keepdims=True), image.max((1, 2), keepdims=True)
    saturated, top = ((image <= low) | (image >= high)).any(0), mixed.max((1, 2))
    # Saturated pixels are made those of a channel, so that their blocks are left out.
    blocks = (np.where(saturated, most, each) for most, each in zip(top, mixed, strict=True))
    light, gains, found = next(blocks), _GAINS[1:] / _GAINS[0], rounded_coefficients(image)
    before = None if found is None else rounded_noise(*found)
    if before is None:
        return _halved_colours(light, colours, gains)
    sigma, share = before
    models = [NoiseModel(sigma**2, share=share)]
    for gain, colour, marked in zip(gains, colours, blocks, strict=True):
        own = noise_in_blocks(marked, marked=True)
        if _roughness(colour) > _ROUGH:
            own = NoiseModel((gain * sigma) ** 2)
        elif own is None or own.blur == 0:
            own = NoiseModel(0.0)
        models.append(replace(own, share=share))
    return tuple(models)


def _halved_colours(
    light: np.ndarray, colours: list[np.ndarray], gains: np.ndarray
) -> tuple[NoiseModel, ...] | None:
    """The noise if only the resolution of the colour differences was halved; otherwise None."""
    most, pairs = _most_white(light), list(zip(gains, map(_most_white, colours), strict=True))
    if any(white > _SMOOTH * gain * most for gain, white in pairs):  # quick, for most images
        return None
    model = noise_in_blocks(light, marked=True)
    if model is None or model.share == 0 or model.blur > 0:
        return None
    sigma, share = math.sqrt(model.mean_square(light)), model.share
    if any(white > _SMOOTH * gain * sigma for gain, white in pairs):
        return None
    halved = [NoiseModel((_HALVED[0] * gain * sigma) ** 2, blur=_HALVED[1]) for gain in gains]
    return tuple(replace(own, share=share) for own in (NoiseModel(sigma**2), *halved))


def _roughness(channel: np.ndarray) -> float:
    """Second differences of neighbours over those two pixels apart; 1 for white noise."""
    squares = np.zeros(2)
    for array in (channel, channel.T):
        middle = array[:, 2:-2]
        for i, a in enumerate((1, 0)):
            ends = array[:, a : a + middle.shape[1]] + array[:, 4 - a : 4 - a + middle.shape[1]]
            squares[i] += ((ends - 2 * middle) ** 2).mean()
    return float(squares[0] / max(squares[1], 1e-12))  # not that of rounding


def _most_white(channel: np.ndarray) -> float:
    """The largest deviation of white noise that second differences allow."""
    some = channel[:: -(-channel.size // _MOST)]
    second = some[:, :-2] - 2 * some[:, 1:-1] + some[:, 2:]
    return float(np.median(abs(second))) / (0.6745 * math.sqrt(6))


def sample_colours(
    models: tuple[NoiseModel, ...], image: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Noise of red, green and blue, of which luminance and differences have these models."""
    mixed = _mixed(image)
    noise = [m.sample(each[None], rng)[0] for m, each in zip(models, mixed, strict=True)]
    return np.tensordot(_TO_RGB, np.stack(noise), 1)


def each_colour(models: tuple[NoiseModel, ...], image: np.ndarray) -> tuple[NoiseModel, ...]:
    """The noise of red, green and blue, each for itself."""
    variances = [m.mean_square(each) for m, each in zip(models, _mixed(image), strict=True)]
    return tuple(NoiseModel(float(row @ variances), share=models[0].share) for row in _TO_RGB**2)


def _mixed(image: np.ndarray) -> np.ndarray:
    """Luminance and colour differences (3, height, width) of red, green and blue."""
    return np.tensordot(_TO_YCC.astype(image.dtype), image, 1)
