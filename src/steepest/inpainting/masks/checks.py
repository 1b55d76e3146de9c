"""Arguments that the mask methods share, and what they tell on the way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...core.arrays import as_array, dtype_name
from ...core.errors import InputError
from ...core.namespace import detached
from ...core.numbers import check_choice, check_fraction
from ..problem import prepare_numpy

Rng = int | np.random.Generator | None


@dataclass(frozen=True)
class MaskStep:
    """Progress of a mask method.

    Attributes
    ----------
    step : int
        Which report it is; 1 for the first.
    num_steps : int
        How many there will be, where that is known beforehand, else 0.
    known : int
        Pixels in the mask now.
    target : int
        Pixels it will have.
    error : float or None
        Mean absolute error of the inpainting, integer images on the [0, 1] scale; of which mask,
        the method says. None where the method does not inpaint.
    """

    step: int
    num_steps: int
    known: int
    target: int
    error: float | None = None


def prepare(image: Any, density: Any, channel_axis: int | None) -> tuple[np.ndarray, int]:
    """The image as ``(channels, *space)`` in float64 and the number of pixels to keep."""
    values = double(image, channel_axis)
    return values, count_of(density, int(np.prod(values.shape[1:])))


def double(image: Any, channel_axis: int | None) -> np.ndarray:
    """The image as ``(channels, *space)`` in float64, integers divided by their maximum."""
    return np.ascontiguousarray(prepare_numpy(image, channel_axis)[0], np.float64)


def count_of(density: Any, num_pixels: int) -> int:
    """``max(1, round(density * num_pixels))`` for a density above 0 and up to 1."""
    return max(1, round(check_fraction(density, "density") * num_pixels))


def check_mask(mask: Any, space: tuple[int, ...]) -> np.ndarray:
    """A copy of a Boolean mask of the spatial shape with a pixel in it."""
    array = as_array(mask, "mask")
    if dtype_name(array) != "bool" or tuple(array.shape) != space:
        raise InputError(
            f"mask={array.dtype} array of shape {tuple(array.shape)}; allowed is a Boolean array "
            f"of the spatial shape {space}"
        )
    if not array.any():
        raise InputError("mask is empty; at least one of its pixels must be True")
    return np.array(detached(array))


def generator(rng: Rng) -> np.random.Generator:
    """``rng`` itself, or a new generator seeded with it (None: from the operating system)."""
    seed = isinstance(rng, (int, np.integer)) and not isinstance(rng, bool) and rng >= 0
    if rng is None or seed or isinstance(rng, np.random.Generator):
        return np.random.default_rng(rng)
    raise InputError(f"rng={rng!r}; allowed are None, an integer >= 0 or numpy.random.Generator")


def exponent(norm: Any) -> int:
    """1 for ``norm="l1"``, 2 for ``"l2"``."""
    return 1 if check_choice(norm, "norm", ("l1", "l2")) == "l1" else 2
