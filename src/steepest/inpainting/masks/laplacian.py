"""Density proportional to the magnitude of the Laplacian, by error diffusion."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.numbers import check_fraction, check_number
from ...core.progress import Callback, Reporter
from ...grid.differences import divergence, gradient
from .checks import MaskStep, Rng, generator, prepare
from .dithering import dither
from .smoothing import WIDEST, gaussian


def laplacian_dither(
    image: Any,
    density: float,
    *,
    channel_axis: int | None = None,
    rng: Rng = None,
    on_step: Callback | None = None,
    sigma: float | None = None,
) -> np.ndarray:
    """Many pixels where the smoothed image is curved: local density ~ ``|Laplacian u_sigma|``.

    By asymptotic analysis the best density of a mask for homogeneous diffusion inpainting grows
    with the magnitude of the Laplacian (Belhachmi et al.). Colour: the sum over the channels. The
    density, cut at 1, is made a mask by Floyd-Steinberg error diffusion, row by row in alternating
    directions; in a volume a third of each error goes to the next plane. The mask is the same
    every time. O(N log N), no inpainting.

    Parameters
    ----------
    image, density, channel_axis, on_step
        As in `random`.
    rng
        Checked and not used: the mask methods share their arguments.
    sigma : float, optional
        Standard deviation in pixels of the Gaussian that smooths the image first, with reflecting
        boundary; 0: none; at most 1000. Default ``min(0.14 / density, 8)``: a sparse mask cannot
        follow fine detail. It was within 1 % of the best sigma at densities of 5, 10 and 20 % on
        eight crops of photographs, where a sigma of 1 is 15 % worse at 5 %.

    Returns
    -------
    Boolean array of the spatial shape, True: kept.

    Raises
    ------
    InputError
        Bad image, density, ``rng``, ``on_step`` or ``sigma``.

    References
    ----------
    Belhachmi, Bucur, Burgeth & Weickert, How to choose interpolation data in images, SIAM J. Appl.
    Math. 70 (2009) 333-352.
    """
    tell = Reporter(on_step)
    generator(rng)
    share = check_fraction(density, "density")
    values, count = prepare(image, share, channel_axis)
    if sigma is None:
        sigma = min(0.14 / share, 8.0)
    sigma = check_number(sigma, "sigma", most=WIDEST)
    magnitude = np.zeros(values.shape[1:])
    for channel in values:
        smooth = gaussian(channel, sigma)
        magnitude += np.abs(divergence(gradient(smooth)))
    mask = dither(magnitude, count)
    tell(MaskStep(1, 1, count, count))
    return mask
