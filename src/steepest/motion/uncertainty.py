"""Standard deviations of displacement and strain, from the residual and the image gradient."""

from collections.abc import Callable

import numpy as np
from scipy import ndimage

from .warps import SHARE

_WINDOW = 8.0  # pixels: standard deviation of the windows of the information
# calibrated by `python -m benchmarks.motion coverage`
_OF_U, _OF_W = (0.046, 0.040), (0.0033, 0.0018)  # of the noise; of smoothed images
_SPREAD_U, _SPREAD_W = 2.0, 0.8  # of the local variation of w: the bias of the smoothness
# powers of the smoothness, relative to the default, of these four
_NOISE_U, _NOISE_W, _BIAS_U, _BIAS_W = -0.5, -0.85, 1.5, 1.1
_OF_NOISE = 0.5, 0.25  # the squared gradient of noise, of that of the residual; smoothed
_OUTLYING = 3.0  # robust standard deviations at which residuals are clipped
_TINY = 1e-9


def deviations(
    gradient: np.ndarray,
    residual: np.ndarray,
    weight: np.ndarray,
    w: np.ndarray,
    factor: float,
    soft: bool,
) -> tuple[np.ndarray, Callable[[np.ndarray], np.ndarray]]:
    """The standard deviation of u, (2, H, W) in pixels, and a function for that of the strain.

    With the local means of ``residual^2``, s^2, and of ``gradient gradient^T``, M, the covariance
    of u is proportional to ``s^2 M^-1``, where M is reduced by what noise adds to it; to it comes
    the local variance of the displacement gradient w. ``factor`` is that of the smoothness,
    relative to the default. The function takes the pixel spacing and returns (2, 2, H, W).
    """
    mask = (weight > 0).astype(np.float64)
    share = ndimage.gaussian_filter(mask, _WINDOW)

    def mean(values: np.ndarray) -> np.ndarray:
        return np.asarray(ndimage.gaussian_filter(values * mask, _WINDOW))

    sizes = np.abs(residual[mask > 0])
    most = _OUTLYING * 1.4826 * float(np.median(sizes)) if sizes.size else 0.0
    variance = mean(np.minimum(residual * residual, most * most)) / np.maximum(share, _TINY)
    a, b, c = (mean(gradient[i] * gradient[j]) for i, j in ((0, 0), (0, 1), (1, 1)))
    for each in (a, c):  # what noise adds to them: each image has half of the variance
        each -= np.minimum(_OF_NOISE[soft] * variance * share, 0.8 * each)
    determinant = a * c - b * b
    some = (determinant > _TINY * (a + c) ** 2) & (share > 1e-3)
    of_u = np.full((2, *mask.shape), np.inf)
    for n, other in enumerate((c, a)):
        of_u[n][some] = np.sqrt(variance[some] * other[some] / determinant[some])
    if soft:  # what counts is the noise of long waves, which is left as it was
        of_u /= SHARE
    share = np.maximum(share, _TINY)
    spread = np.empty_like(w, np.float64)
    for n, m in np.ndindex(2, 2):
        each = w[n, m].astype(np.float64)
        centre = each - mean(each) / share
        spread[n, m] = mean(centre * centre) / share

    def joined(noise: np.ndarray, bias: np.ndarray, power: float, of_bias: float) -> np.ndarray:
        return np.asarray(np.sqrt((noise * factor**power) ** 2 + bias * factor ** (2 * of_bias)))

    of_w = joined(_OF_W[soft] * of_u[:, None], _SPREAD_W**2 * spread, _NOISE_W, _BIAS_W)

    def of_strain(spacing: np.ndarray) -> np.ndarray:
        ratio = spacing[:, None] / spacing
        squares = (ratio[..., None, None] * of_w) ** 2
        mixed = (squares + squares.swapaxes(0, 1)) / 4
        mixed[[0, 1], [0, 1]] *= 2
        return np.asarray(np.sqrt(mixed))

    return joined(_OF_U[soft] * of_u, _SPREAD_U**2 * spread.sum(1), _NOISE_U, _BIAS_U), of_strain
