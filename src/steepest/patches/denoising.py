"""Denoising by a patch model."""

from typing import Any

import numpy as np

from ..core.numbers import check_number
from ..core.progress import Callback, Reporter
from ..core.solver import Solver, limits
from ..core.tiles import Tiles, works_by_tiles
from ..flows.noise import estimate_noise
from ..tiled.request import TileRequest
from .grid import prepare, restored
from .model import PatchModel
from .passes import all_passes


def denoise(
    noisy: Any,
    model: PatchModel,
    sigma: float | None = None,
    *,
    channel_axis: int | None = None,
    solver: Solver | None = None,
    on_step: Callback | None = None,
    out: Any = None,
    tiles: Tiles | None = None,
) -> np.ndarray:
    r"""Remove white noise by a model of good patches.

    Half-quadratic splitting of the expected patch log-likelihood (EPLL): each of 5 passes replaces
    every patch by its best estimate under its likeliest Gaussian, averages these where patches
    overlap, and takes the weighted mean with the noisy image (docs/patches_methods).

    Parameters
    ----------
    noisy : array (\*space), plus optional channel axis
        float16, float32, float64, uint8 or uint16 (on the scale [0, 1]), not smaller than a patch.
        Do not clip noisy floats beforehand.
    model : PatchModel
        From images with the same grey values, see `fit`.
    sigma : float, optional
        Standard deviation of the noise. The default is `steepest.estimate_noise` of the image.
    channel_axis : int, optional
        Axis of the channels.
    solver : Solver, optional
        Only ``num_threads`` is used; it does not change the result.
    on_step : callable, optional
        Called with a `Progress` after each of the 5 passes. If it returns True, the latest result
        is returned.
    out : array-like of the shape of ``noisy``, optional
        Where the result is written tile by tile; see `Tiles`.
    tiles : Tiles, optional
        How to work on an image that does not fit in memory. The halo is as wide as the passes
        reach, whatever ``tiles`` says; results differ by rounding only. The default of ``sigma`` is
        then the noise of a sample.

    Returns
    -------
    array of the shape and dtype of the image; ``out`` if it was given

    Notes
    -----
    A pass takes O(n K s d) for n pixels. float32 images are computed in float32, which is twice as
    fast.

    References
    ----------
    Zoran & Weiss, *From learning models of natural image patches to whole image restoration*, ICCV
    2011.
    """
    if works_by_tiles(noisy, out, tiles):
        from .tiles import denoise_by_tiles

        own = limits(solver, tol=0.0, max_num_iter=1)
        request = TileRequest(noisy, out, own, tiles or Tiles(), channel_axis, on_step=on_step)
        return denoise_by_tiles(request, model, sigma)
    array, layout = prepare(noisy, model, channel_axis, "noisy")
    threads = limits(solver, tol=0.0, max_num_iter=1).threads
    reporter = Reporter(on_step)
    if sigma is None:
        sigma = estimate_noise(noisy, channel_axis=channel_axis)
    sigma = check_number(sigma, "sigma")
    return restored(all_passes(array, model, sigma, threads, reporter), layout)
