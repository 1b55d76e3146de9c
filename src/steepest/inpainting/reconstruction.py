"""How good a mask is: the inpainting from it, and its distance to the image."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core.arrays import check_data_range
from ..core.errors import InputError
from ..core.image_like import ImageLike
from ..core.progress import Callback, Reporter
from .masks.checks import check_mask
from .problem import prepare_numpy, unit_of
from .steady_state import fill

_TOLERANCE = 1e-6


@dataclass(frozen=True, eq=False)
class Reconstruction(ImageLike):
    """An image stored in a few of its pixels.

    Attributes
    ----------
    image : array
        The inpainting, of the shape of the image, float32 or float64, not clipped.
    mae, mse : float
        Mean absolute and mean squared error over pixels and channels; integer images on the
        [0, 1] scale.
    psnr : float
        In dB, ``10 log10(data_range^2 / mse)``; infinite where the error is zero.
    density : float
        Known pixels / all pixels.
    """

    image: np.ndarray
    mae: float
    mse: float
    psnr: float
    density: float


def reconstruct(
    image: Any,
    mask: Any,
    *,
    channel_axis: int | None = None,
    values: Any = None,
    data_range: float | None = None,
    on_step: Callback | None = None,
) -> Reconstruction:
    """Inpaint an image from a mask by homogeneous diffusion and compare.

    Parameters
    ----------
    image : array
        As in `inpaint`, NumPy.
    mask : Boolean array of the spatial shape
    channel_axis : int, optional
    values : array of the shape of ``image``, optional
        What to keep at the mask instead of the image's values, such as what `tonal` gives; on the
        [0, 1] scale for integer images.
    data_range : float, optional
        What PSNR refers to; default 1 for integers, else what the image spans.
    on_step : callable, optional
        As in `inpaint`; where it stops the iteration, the image so far is compared.

    Raises
    ------
    InputError
        Bad image, mask or values.
    """
    tell = Reporter(on_step)
    array, layout = prepare_numpy(image, channel_axis)
    known = check_mask(mask, array.shape[1:])
    span = check_data_range(data_range, [array], layout)
    kept = array
    if values is not None:
        kept, other = prepare_numpy(values, channel_axis, "values")
        if other.shape != layout.shape:
            raise InputError(f"values of shape {other.shape} must have the image's {layout.shape}")
    spacing = (1.0,) * known.ndim
    filled = fill(kept, known, spacing, _TOLERANCE, watch=tell.watch).image
    error = filled - array
    unit = unit_of(array)
    square = float(np.mean((error / unit) ** 2))
    return Reconstruction(
        image=layout.restore_axes(filled.astype(array.dtype)),
        mae=float(np.abs(error).mean()),
        mse=unit**2 * square,
        psnr=20 * math.log10(span / unit) - 10 * math.log10(square) if square > 0 else math.inf,
        density=float(known.mean()),
    )
