"""``steepest superresolve``: finer images by a patch model."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from steepest.core.errors import InputError
from steepest.io import Image

from ..models import Model, ModelFile, ModelRestoration
from ..runner import Batch
from ..types import Count, Images, Number


def superresolve(
    *images: Images,
    model: ModelFile,
    factor: Count = 2,
    blur: Number | None = None,
    phase: Number | None = None,
    options: ModelRestoration = ModelRestoration(),
) -> Batch:
    """Restore finer images from coarse ones, by a model of fine patches.

    A coarse image is taken to be a fine one that was blurred by a Gaussian, of which every
    factor-th pixel was kept, with noise. The result has as many times the pixels along each axis,
    and the pixel size is divided by the factor.

    Parameters
    ----------
    factor
        how many times finer, along each axis
    blur
        standard deviation of the Gaussian, in fine pixels (default: half the factor)
    phase
        place of the first coarse pixel, in fine pixels (default: the middle of those it covers)
    options.writing.output
        file, or folder for several images (default: NAME_fine here)

    Examples
    --------
    steepest superresolve low.tif --model sharp.stpm --factor 4
    steepest superresolve scans/ --model sharp.stpm --factor 2 -o fine/
    steepest superresolve low.tif --model m.stpm --blur 1 --sigma 0.01
    """
    own = Model.load(model)
    width = factor / 2 if blur is None else blur
    place = (factor - 1) / 2 if phase is None else phase
    if phase is None and not width:
        place = float(factor // 2)

    def restore(part: np.ndarray, sigma: float, keywords: dict[str, Any]) -> Any:
        from steepest import patches

        size = part.size * factor ** len(own.model.patch_shape)
        if size > options.reading.max_pixels:
            raise InputError(
                f"--factor {factor}: gives {size:,} pixels times channels; allowed are "
                f"{options.reading.max_pixels:,} (see --max-pixels)"
            )
        return patches.superresolve(part, own.model, factor, width, sigma, phase=place, **keywords)

    def finer(image: Image, pages: Sequence[np.ndarray]) -> Image:
        data, alpha = image.metadata, image.alpha
        if alpha is not None:
            for axis in (k for k, letter in enumerate(image.axes) if letter in image.space):
                alpha = alpha.repeat(factor, axis)
        x, y = data.resolution or (0.0, 0.0)
        data = replace(
            data,
            resolution=(x * factor, y * factor) if data.resolution else None,
            z_step=data.z_step / factor if data.z_step and "Z" in image.axes else data.z_step,
        )
        larger = replace(image, alpha=None, metadata=data).with_parts(pages)
        return replace(larger, alpha=alpha)

    return options.batch(images, own, "fine", restore, finer)
