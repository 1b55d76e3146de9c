"""What compression takes from `steepest.inpainting`: masks, values, and the filling between."""

from __future__ import annotations

from collections.abc import Callable
from math import inf

import numpy as np

from .. import inpainting
from ..core.errors import InputError
from ..inpainting import masks
from ..inpainting.masks.checks import count_of, fraction

TOLERANCE = 1e-6
METHODS = (
    "echo",
    "laplacian_dither",
    "densify",
    "probabilistic_sparsification",
    "random",
    "regular",
)
"""Of `steepest.inpainting.masks`: those that need no mask to start from."""
_TONAL = 0.01  # tolerance: 1e-4 dB from the best values
_LOWEST = 0.01  # density down to which echoes are ranked at first
_FURTHER = 4  # times below what is asked for, when that was not enough


def mask_chooser(
    image: np.ndarray, method: str, rng: int | np.random.Generator | None
) -> Callable[[float], np.ndarray]:
    """Masks of an image (channels, \\*space) for many densities, by the name of their method.

    Echoes are ranked once (again only for densities below any before), so that the masks are nested
    and all but the first cost nothing.

    Raises
    ------
    InputError
        No such method.
    """
    if method not in METHODS:
        raise InputError(f"mask_method={method!r}; allowed are {', '.join(METHODS)}")
    if method != "echo":
        return lambda density: choose_mask(image, density, method, rng)
    ranking, lowest = np.zeros(image.shape[1:], np.int32), inf

    def choose(density: float) -> np.ndarray:
        nonlocal ranking, lowest
        density = fraction(density, "density")
        if density < lowest:
            lowest = min(density, _LOWEST) if lowest == inf else density / _FURTHER
            ranking = masks.echo_ranking(image, channel_axis=0, rng=rng, density=lowest)
        return np.asarray(ranking < count_of(density, ranking.size))

    return choose


def choose_mask(
    image: np.ndarray, density: float, method: str, rng: int | np.random.Generator | None
) -> np.ndarray:
    """A mask for an image (channels, \\*space) by the name of its method.

    Raises
    ------
    InputError
        No such method; bad density.
    """
    if method not in METHODS:
        raise InputError(f"mask_method={method!r}; allowed are {', '.join(METHODS)}")
    mask = getattr(masks, method)(image, density, channel_axis=0, rng=rng)
    return np.asarray(mask, bool)


def choose_values(image: np.ndarray, mask: np.ndarray, tonal: bool) -> np.ndarray:
    """Values (channels, \\*space) to keep: the best in the mean square, or the image's own."""
    return inpainting.tonal(image, mask, channel_axis=0, tol=_TONAL) if tonal else image


def fill(values: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The inpainting (channels, \\*space) of values known at a mask, in float64."""
    result = inpainting.inpaint(values.astype(np.float64), mask, channel_axis=0, tol=TOLERANCE)
    return np.asarray(result.image)
