"""Density proportional to the magnitude of the Laplacian, turned into a mask by error diffusion."""

from typing import Any

import numpy as np

from ...core.numbers import check_fraction, check_number
from ...flows.options import takes_options_of
from ...grid.differences import divergence, gradient
from ...grid.dithering import dither
from ..smoothing import WIDEST, gaussian
from .checks import check_request


@takes_options_of(check_request)
def laplacian_dither(
    image: Any, density: float, *, sigma: float | None = None, **options: Any
) -> np.ndarray:
    """Choose a mask whose local density is proportional to ``|Laplacian u_sigma|``.

    Keeps many pixels where the smoothed image is curved. By asymptotic analysis, the optimal mask
    density for homogeneous diffusion inpainting increases with the magnitude of the Laplacian
    (Belhachmi et al.). For colour images, the magnitudes are summed over the channels. The density,
    clipped at 1, is turned into a mask by Floyd-Steinberg error diffusion, row by row in
    alternating directions. In a volume, a third of each error goes to the next plane. The method is
    deterministic, takes O(N log N) and needs no inpainting.

    Parameters
    ----------
    image, density, channel_axis, rng, on_step
        As in `random`, as are the result and the errors; ``rng`` is not used.
    sigma : float, optional
        Standard deviation in pixels, at most 1000, of the Gaussian that smooths the image first,
        with reflecting boundary; 0 disables smoothing. The default is ``min(0.14 / density, 8)``,
        because a sparse mask cannot follow fine detail. It was within 1 % of the best sigma at
        densities of 5 to 20 % on eight crops of photographs.

    References
    ----------
    Belhachmi, Bucur, Burgeth & Weickert, How to choose interpolation data in images, SIAM J. Appl.
    Math. 70 (2009) 333-352.
    """
    request = check_request(image, density, **options)
    if sigma is None:
        sigma = min(0.14 / check_fraction(density, "density"), 8.0)
    sigma = check_number(sigma, "sigma", most=WIDEST)
    magnitude = np.zeros(request.space)
    for channel in request.values:
        magnitude += np.abs(divergence(gradient(gaussian(channel, sigma))))
    return request.finish(dither(magnitude, request.count))
