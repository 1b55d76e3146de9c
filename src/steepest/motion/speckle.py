"""Generated speckle patterns whose deformation is known exactly."""

from collections.abc import Callable

import numpy as np

from ..core.errors import InputError
from ..core.numbers import check_count, check_number
from ..core.rng import Rng, generator

_MARGIN = 40  # pixels around the image, where there are dots too


def speckle_pair(
    shape: tuple[int, int],
    displacement: Callable[[np.ndarray], np.ndarray],
    *,
    radius: float = 1.6,
    density: float = 0.09,
    noise: float = 0.0,
    rng: Rng = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Return a speckle pattern before and after a deformation.

    Gaussian dots are drawn at random positions x, and at ``x + displacement(x)``: nothing is
    interpolated, so the deformation is exact.

    Parameters
    ----------
    shape : (height, width)
    displacement : callable
        Takes positions (N, 2), in pixels along the two axes, and returns displacements (N, 2).
    radius : float
        Standard deviation of the dots, in pixels.
    density : float
        Dots per pixel.
    noise : float
        Standard deviation of Gaussian noise in both images, as a share of the range of values.
    rng : int or numpy.random.Generator, optional

    Returns
    -------
    before, after : float64 arrays
        With values from 0 to 1, apart from noise, before the deformation.
    """
    height, width = (check_count(n, "shape", most=1 << 15) for n in shape)
    check_number(radius, "radius", least=0.3, most=20)
    check_number(density, "density", positive=True, most=10)
    check_number(noise, "noise")
    random = generator(rng)
    size = np.array([height, width]) + 2 * _MARGIN
    dots = random.uniform(-_MARGIN, size - _MARGIN, (max(int(density * size.prod()), 1), 2))
    heights = random.uniform(0.3, 1.0, len(dots))
    shift = np.asarray(displacement(dots), float)
    if shift.shape != dots.shape or not np.isfinite(shift).all():
        raise InputError("displacement: must return finite displacements of shape (N, 2)")
    images = [_drawn(x, heights, (height, width), radius) for x in (dots, dots + shift)]
    low, span = images[0].min(), np.ptp(images[0]) or 1.0
    before, after = (
        (image - low) / span + noise * random.standard_normal(image.shape) for image in images
    )
    return before, after


def _drawn(
    dots: np.ndarray, heights: np.ndarray, shape: tuple[int, int], radius: float
) -> np.ndarray:
    """The sum of Gaussian dots."""
    image = np.zeros(shape)
    nearest = np.rint(dots).astype(int)
    reach = int(np.ceil(5 * radius))
    for dy in range(-reach, reach + 1):
        for dx in range(-reach, reach + 1):
            y, x = nearest[:, 0] + dy, nearest[:, 1] + dx
            seen = (y >= 0) & (y < shape[0]) & (x >= 0) & (x < shape[1])
            square = (y - dots[:, 0]) ** 2 + (x - dots[:, 1]) ** 2
            np.add.at(
                image, (y[seen], x[seen]), (heights * np.exp(-square / (2 * radius**2)))[seen]
            )
    return image
