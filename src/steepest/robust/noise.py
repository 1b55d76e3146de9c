"""Cauchy noise in images: its scale, and nonlocal denoising."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.errors import InputError
from ..core.numbers import check_count, check_number
from ..core.progress import Callback, Reporter
from .fit import cauchy_fit
from .kernels import group
from .myriad import filter_channel, numpy_image

_STRIDE = 2  # pixels between the patches that are estimated
_PILOT = 3  # width of the windows of the first estimate
_PASSES = 2  # the second compares patches of the first result; a third gained nothing


def estimate_cauchy_noise(image: Any, *, channel_axis: int | None = None) -> float:
    """Estimate the scale of Cauchy noise in an image.

    Fits a Cauchy distribution to the differences ``f[i, j] - f[i + 1, j] - f[i, j + 1] + f[i + 1,
    j + 1]`` (one difference along each axis) and divides its scale by ``2^axes``. Linear images
    vanish in these differences; texture adds to the estimate.

    Parameters
    ----------
    image : array, 1-D to 3-D, plus optional channel axis
        dtype float32, float64, uint8 or uint16, with two pixels or more along each axis.
    channel_axis : int, optional
        Axis of the channels, which share one estimate.

    Returns
    -------
    float
        In units of the image; 1 is white for integer images.

    Raises
    ------
    InputError
        If the image is invalid, an axis has a single pixel, or half of the differences are equal,
        as in an image without noise.
    """
    array, _ = numpy_image(image, channel_axis)
    ndim = array.ndim - 1
    if min(array.shape[1:]) < 2:
        raise InputError(
            f"image of shape {array.shape[1:]}; at least two pixels along each axis are needed"
        )
    values = array.astype(np.float64)
    for axis in range(1, ndim + 1):
        values = np.diff(values, axis=axis)
    found, counts = np.unique(values, return_counts=True)
    if 2 * counts.max() >= values.size:
        raise InputError(
            f"image: at least half of its differences are {found[counts.argmax()]:g}, so the scale "
            "of its noise cannot be estimated"
        )
    return float(cauchy_fit(values).scale) / 2**ndim


def denoise_cauchy(
    image: Any,
    scale: float | None = None,
    *,
    patch_size: int = 5,
    patch_distance: int = 10,
    num_patches: int = 24,
    channel_axis: int | None = None,
    on_step: Callback | None = None,
) -> np.ndarray:
    """Denoise an image with Cauchy noise by fitting groups of similar patches.

    Cauchy noise has so heavy tails that it has no variance: some pixels are far off, and averages
    of any kind suffer from them. For every second patch along each axis, this function finds the
    most similar patches around it and, at each pixel of the patch, the location of a Cauchy
    distribution with the given scale for the values that the *noisy* image has there. Estimates
    from overlapping patches are averaged.

    Parameters
    ----------
    image : array (H, W), plus optional channel axis
        dtype float32, float64, uint8 or uint16, without NaN. Do not clip noisy data beforehand.
    scale : float, optional
        Scale of the noise, in units of the image (1 is white for integer images). The default is
        `estimate_cauchy_noise` of the image.
    patch_size : int
        Width of the patches in pixels, from 1 to 31.
    patch_distance : int
        Largest distance of similar patches along each axis, in pixels, from 1 to 100. The time
        grows with its square.
    num_patches : int
        Number of patches in a group, from 6 to 200. The 6 most similar ones weigh 1, the others
        less the less similar they are.
    channel_axis : int, optional
        Axis of the channels, which are denoised one by one.
    on_step : callable, optional
        Called with a `Progress` after each of the passes. If it returns True, the latest result is
        returned.

    Returns
    -------
    array of the shape and dtype of the image

    Raises
    ------
    InputError
        If the image or an option is invalid, or the scale cannot be estimated.

    Notes
    -----
    The source selects patches by the likelihood that their noisy values come from one image. Its
    full text was not at hand; here, patches are compared on a first estimate without outliers (the
    generalised myriad filter with a 3 x 3 window), then once more on the result. Comparing the
    noisy patches themselves was worse than no patches at all.

    References
    ----------
    Laus, Pierre & Steidl, *Nonlocal myriad filters for Cauchy noise removal*, J. Mathematical
    Imaging and Vision 60 (2018) 1324-1354.
    """
    array, layout = numpy_image(image, channel_axis)
    if array.ndim != 3:
        raise InputError(f"image has {array.ndim - 1} spatial axes; allowed are 2")
    size = check_count(patch_size, "patch_size", most=31)
    search = check_count(patch_distance, "patch_distance", most=100)
    count = check_count(num_patches, "num_patches", least=6, most=200)
    if min(array.shape[1:]) < size:
        raise InputError(f"patch_size={size} is larger than the image, {array.shape[1:]}")
    if scale is None:
        scale = estimate_cauchy_noise(image, channel_axis=channel_axis)
    scale = check_number(scale, "scale", positive=True)
    reporter = Reporter(on_step)
    noisy = array.astype(np.float64)
    corners = np.stack(
        np.meshgrid(*(_starts(n, size) for n in noisy.shape[1:]), indexing="ij"), -1
    ).reshape(-1, 2)
    clean = np.stack([filter_channel(channel, _PILOT, 0.0) for channel in noisy])
    for _ in range(_PASSES):
        result = np.empty_like(clean)
        for channel, pilot, output in zip(noisy, clean, result, strict=True):
            total, weight = np.zeros_like(pilot), np.zeros_like(pilot)
            group(channel, pilot, corners, size, search, count, scale, total, weight)
            output[...] = total / weight
        clean = result
        if reporter.residual(None, _PASSES):
            break
    return layout.restore(clean.astype(array.dtype))


def _starts(n: int, size: int) -> np.ndarray:
    """Return the first pixels of patches that cover n pixels."""
    return np.unique([*range(0, n - size + 1, min(_STRIDE, size)), n - size])
