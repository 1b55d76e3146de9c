"""The generalised myriad filter."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np

from ..core.arrays import prepare_image
from ..core.errors import InputError
from ..core.namespace import is_torch
from ..core.numbers import check_count, check_number
from .kernels import myriads

_WIDEST = 31


def myriad_filter(
    image: Any, size: int = 3, *, scale: float | None = None, channel_axis: int | None = None
) -> np.ndarray:
    """Replace each pixel by the location of a Cauchy distribution fitted to the window around it.

    A median filter for noise with heavy tails: outliers have no influence, and what is left is
    averaged with weights instead of reduced to one pixel. By default, the scale is fitted in each
    window as well (the generalised myriad filter). If half of a window has one value, that is the
    result.

    Parameters
    ----------
    image : array, 1-D to 3-D, plus optional channel axis
        dtype float32, float64, uint8 or uint16, without NaN.
    size : int
        Width of the window in pixels, odd, from 3 to 31.
    scale : float, optional
        Fixed scale of all windows (the myriad filter), in units of the image (1 is white for
        integer images). The result is the local maximum of the likelihood next to the median. Small
        scales pick the mode, large ones average.
    channel_axis : int, optional
        Axis of the channels, which are filtered one by one.

    Returns
    -------
    array of the shape and dtype of the image

    References
    ----------
    Gonzalez & Arce, IEEE Trans. Signal Process. 49 (2001) 438-441; Laus, Pierre & Steidl, J.
    Mathematical Imaging and Vision 60 (2018) 1324-1354.
    """
    array, layout = numpy_image(image, channel_axis)
    size = check_count(size, "size", least=3, most=_WIDEST)
    if size % 2 == 0:
        raise InputError(f"size={size}; allowed are odd numbers from 3 to {_WIDEST}")
    fixed = 0.0 if scale is None else check_number(scale, "scale", positive=True)
    filtered = [filter_channel(channel, size, fixed) for channel in array.astype(np.float64)]
    return layout.restore(np.stack(filtered).astype(array.dtype))


def filter_channel(u: np.ndarray, size: int, scale: float) -> np.ndarray:
    """Filter (\\*space) float64; a ``scale`` of 0 is fitted."""
    reach = size // 2
    padded = np.pad(u, reach, mode="symmetric")
    strides = np.array(padded.strides) // padded.itemsize
    around = np.array(list(product(range(-reach, reach + 1), repeat=u.ndim))) @ strides
    places = np.ravel_multi_index(
        tuple(np.indices(u.shape).reshape(u.ndim, -1) + reach), padded.shape
    )
    output = np.empty(u.size)
    myriads(padded.reshape(-1), places, around, scale, output)
    return output.reshape(u.shape)


def numpy_image(image: Any, channel_axis: int | None) -> tuple[np.ndarray, Any]:
    """Run `prepare_image`; tensors are rejected."""
    if is_torch(image):
        raise InputError(
            "image must be a NumPy array here (convert a tensor with .detach().cpu().numpy())"
        )
    return prepare_image(image, channel_axis)
