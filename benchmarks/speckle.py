"""Generated speckle patterns whose deformation is known exactly."""

from collections.abc import Callable

import numpy as np

_MARGIN = 40  # pixels around the image, where there are dots too
_RADIUS, _DENSITY = 1.6, 0.09  # of dots: standard deviation in pixels, number per pixel


def speckle_pair(
    shape: tuple[int, int], displacement: Callable[[np.ndarray], np.ndarray], *,
    noise: float = 0.0, rng: int = 0,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Return a speckle pattern before and after a deformation, with values from 0 to 1.

    Gaussian dots are drawn at random positions x, and at ``x + displacement(x)``: nothing is
    interpolated, so the deformation is exact. ``displacement`` takes positions (N, 2) in pixels,
    ``noise`` is the standard deviation of Gaussian noise in both images.
    """
    random = np.random.default_rng(rng)
    size = np.array(shape) + 2 * _MARGIN
    dots = random.uniform(-_MARGIN, size - _MARGIN, (int(_DENSITY * size.prod()), 2))
    heights = random.uniform(0.3, 1.0, len(dots))
    images = [_drawn(x, heights, shape) for x in (dots, dots + displacement(dots))]
    low, span = images[0].min(), np.ptp(images[0])
    before, after = ((u - low) / span + noise * random.standard_normal(u.shape) for u in images)
    return before, after


def _drawn(dots: np.ndarray, heights: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """The sum of Gaussian dots."""
    rows, columns = (
        np.exp(-((dots[:, k, None] - np.arange(n)) ** 2) / (2 * _RADIUS**2))
        for k, n in enumerate(shape)
    )
    return (heights * rows.T) @ columns
