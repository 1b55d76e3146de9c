"""The noise of colour photographs that were compressed as JPEG.

JPEG stores luminance and two colour differences, the differences usually with half the resolution
and larger steps. So noise that was independent in red, green and blue is not so afterwards.
"""

from __future__ import annotations

import numpy as np

from .jpeg_noise import LUMINANCE, rounded_coefficients, rounded_noise
from .noise_in_blocks import noise_in_blocks
from .noise_model import NoiseModel

_TO_YCC = np.array(
    [LUMINANCE, [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]]
)  # JFIF: luminance, blue difference, red difference
_TO_RGB = np.linalg.inv(_TO_YCC)
_GAINS = np.linalg.norm(_TO_YCC, axis=1)  # deviations for unit noise in red, green and blue
_WHITE = 0.3  # of its deviation before compression, where colour noise survived it


def noise_of_colour_jpeg(image: np.ndarray) -> tuple[NoiseModel, ...] | None:
    """The noise of luminance and colour differences of an image (3, height, width).

    That of luminance is the noise before compression. The noise of the differences is what is left
    of it: none, blurred noise, or white noise, which is then taken as before compression, too. The
    result is None if the image was not compressed as JPEG, or its noise is not found.
    """
    found = rounded_coefficients(image) if image.ndim == 3 and len(image) == 3 else None
    if found is None:
        return None
    before, (light, *colours) = rounded_noise(*found), np.tensordot(_TO_YCC, image, 1)
    model = (
        noise_in_blocks(light) if before is None else NoiseModel(before[0] ** 2, share=before[1])
    )
    if model is None or (before is None and model.share == 0):
        return None
    level = _variance(model, light) / _GAINS[0] ** 2
    models = [model]
    for gain, colour in zip(_GAINS[1:], colours, strict=True):
        own, white = noise_in_blocks(colour), level * gain**2
        variance = 0.0 if own is None else _variance(own, colour)
        blur = 0.0 if own is None else own.blur
        if blur == 0:
            variance = white if variance >= _WHITE**2 * white else 0.0
        models.append(NoiseModel(variance, blur=blur, share=model.share))
    return tuple(models)


def sample_colours(
    models: tuple[NoiseModel, ...], image: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Noise of red, green and blue, of which luminance and differences have these models."""
    mixed = np.tensordot(_TO_YCC, image, 1)
    noise = [m.sample(each[None], rng)[0] for m, each in zip(models, mixed, strict=True)]
    return np.tensordot(_TO_RGB, np.stack(noise), 1)


def each_colour(models: tuple[NoiseModel, ...], image: np.ndarray) -> tuple[NoiseModel, ...]:
    """The noise of red, green and blue, each for itself."""
    mixed = np.tensordot(_TO_YCC, image, 1)
    variances = [_variance(m, each) for m, each in zip(models, mixed, strict=True)]
    return tuple(NoiseModel(float(row @ variances), share=models[0].share) for row in _TO_RGB**2)


def _variance(model: NoiseModel, channel: np.ndarray) -> float:
    return float((model.deviation(channel) ** 2).mean())
