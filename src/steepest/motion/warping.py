"""Images at displaced positions, by splines of order 5."""

from typing import Any

import numpy as np
from scipy import ndimage

from ..core.arrays import check_field, prepare_image
from ..core.errors import InputError
from ..core.threads import resolve_num_threads, run_all
from .kernels import sample

_PAD = 6  # pixels around the image, as the kernel expects


def check_displacement(displacement: Any, space: tuple[int, ...]) -> np.ndarray:
    """A displacement (2, H, W) of images of shape ``space``."""
    field = np.asarray(check_field(displacement, "displacement"))
    if len(space) != 2 or field.shape != (2, *space):
        raise InputError(
            f"displacement of shape {field.shape} for an image of shape {space}; needed is "
            "(2, H, W) for an image (H, W)"
        )
    return field


class Spline:
    """A function that interpolates an image (H, W)."""

    def __init__(self, image: np.ndarray, num_threads: int) -> None:
        self.shape, self.num_threads = image.shape, num_threads
        padded = np.pad(image.astype(np.float64), _PAD, mode="symmetric")
        self._coefficients = ndimage.spline_filter(padded, 5, mode="mirror")

    def at(self, u: np.ndarray) -> np.ndarray:
        """Value and gradient at x + u(x), (3, H, W)."""
        height, width = u.shape[1:]
        out = np.empty((3, height, width))
        count = min(self.num_threads, height)

        def rows(k: int) -> None:
            first, last = height * k // count, height * (k + 1) // count
            sample(self._coefficients, self.shape, u, first, last, out)

        run_all(rows, range(count))
        return out


def warp(image: Any, displacement: Any, *, channel_axis: int | None = None) -> np.ndarray:
    """Return ``image(x + u(x))``, by a spline of order 5.

    If u is the displacement from a reference to this image, the result looks like the reference.

    Parameters
    ----------
    image : array of shape (H, W), with channels if ``channel_axis`` is given
    displacement : (2, H, W) array
        Displacement along the two axes, in pixels. Positions outside of the image take the value of
        the nearest pixel.
    channel_axis : int, optional

    Returns
    -------
    warped : array of the shape and dtype of ``image``
    """
    array, layout = prepare_image(image, channel_axis)
    field = check_displacement(displacement, tuple(array.shape[1:]))
    threads = resolve_num_threads(None)
    warped = np.stack([Spline(each, threads).at(field)[0] for each in np.asarray(array)])
    return layout.restore(warped.astype(array.dtype))
