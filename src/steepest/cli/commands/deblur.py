"""``steepest deblur``: sharper images by a patch model."""

from typing import Any

import numpy as np

from steepest.core.errors import InputError
from steepest.io import read_image

from .. import choices
from ..models import Model, ModelFile, ModelRestoration
from ..runner import Batch
from ..types import FileName, Images, Positive

_WIDTH = 4.0  # of a Gaussian, in standard deviations


def deblur(
    *images: Images,
    model: ModelFile,
    blur: Positive | None = None,
    kernel: FileName | None = None,
    options: ModelRestoration = ModelRestoration(),
) -> Batch:
    """Remove a known blur, by a model of sharp patches.

    Give the blur as the width of a Gaussian or as an image of the point spread function, such as a
    photograph of a small bead. Nothing is assumed about what lies beyond the border.

    Parameters
    ----------
    blur
        standard deviation of a Gaussian, in pixels
    kernel
        image of the point spread function, of odd width and height; its sum is brought to 1
    options.writing.output
        file, or folder for several images (default: NAME_sharp here)

    Examples
    --------
    steepest deblur blurred.tif --model sharp.stpm --blur 2
    steepest deblur scans/ --model sharp.stpm --kernel bead.tif -o sharp/
    steepest deblur blurred.tif --model sharp.stpm --blur 1.5 --sigma 0.01
    """
    choices.only_one(blur=blur, kernel=kernel)
    if blur is None and kernel is None:
        raise InputError("--blur or --kernel: one of them is needed")
    own = Model.load(model)
    ndim = len(own.model.patch_shape)
    point = _gaussian(blur, ndim) if blur else _point_spread(str(kernel), ndim, options.reading)

    def restore(part: np.ndarray, sigma: float, keywords: dict[str, Any]) -> Any:
        from steepest import patches

        return patches.deblur(part, own.model, point, sigma, **keywords)

    return options.batch(images, own, "sharp", restore)


def _gaussian(width: float, ndim: int) -> np.ndarray:
    from scipy.ndimage import gaussian_filter

    reach = int(_WIDTH * width + 0.5)
    if (2 * reach + 1) ** ndim > choices.MAX_PIXELS:
        raise InputError(f"--blur {width:g}: too wide")
    point = np.zeros((2 * reach + 1,) * ndim)
    point[(reach,) * ndim] = 1
    return np.asarray(gaussian_filter(point, width, truncate=_WIDTH))


def _point_spread(name: str, ndim: int, reading: choices.FileReading) -> np.ndarray:
    image = read_image(name, max_pixels=reading.max_pixels).without_copies()
    point = np.asarray(image.array, np.float64)
    if image.channel_axis is not None or point.ndim != ndim or not all(n % 2 for n in point.shape):
        raise InputError(
            f"--kernel {name}: has the shape {point.shape}; allowed are grey images of {ndim} axes "
            "and odd lengths"
        )
    total = point.sum()
    if not total > 0:
        raise InputError(f"--kernel {name}: has the sum {total:g}; it must be positive")
    return point / total
