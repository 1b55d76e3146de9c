"""Arguments that the mask methods share, and their progress."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...core.arrays import prepare_image
from ...core.errors import InputError

Generator = int | np.random.Generator | None


@dataclass(frozen=True)
class MaskStep:
    """Progress of a mask method.

    Attributes
    ----------
    known : int
        Pixels in the mask now.
    target : int
        Pixels it will have.
    error : float or None
        Mean absolute error of the inpainting, integer images on the [0, 1] scale; of which mask,
        the method says. None where the method does not inpaint.
    """

    known: int
    target: int
    error: float | None


Callback = Callable[[MaskStep], Any]


def prepare(image: Any, density: Any, channel_axis: int | None) -> tuple[np.ndarray, int]:
    """The image as ``(channels, *space)`` in float64 and the number of pixels to keep."""
    values = double(image, channel_axis)
    return values, count_of(density, int(np.prod(values.shape[1:])))


def double(image: Any, channel_axis: int | None) -> np.ndarray:
    """The image as ``(channels, *space)`` in float64, integers divided by their maximum."""
    return np.ascontiguousarray(prepare_image(np.asarray(image), channel_axis)[0], np.float64)


def count_of(density: Any, num_pixels: int) -> int:
    """``max(1, round(density * num_pixels))`` for a density above 0 and up to 1."""
    return max(1, round(fraction(density, "density") * num_pixels))


def fraction(value: Any, name: str) -> float:
    """A number above 0 and up to 1."""
    try:
        number = 0.0 if isinstance(value, (bool, str)) else float(value)
    except (TypeError, ValueError):
        number = 0.0
    if not 0 < number <= 1:
        raise InputError(f"{name}={value!r}; allowed are numbers above 0 and up to 1")
    return number


def check_mask(mask: Any, space: tuple[int, ...]) -> np.ndarray:
    """A copy of a Boolean mask of the spatial shape with a pixel in it."""
    array = np.asarray(mask)
    if array.dtype != bool or array.shape != space:
        raise InputError(
            f"mask={array.dtype} array of shape {array.shape}; allowed is a Boolean array of the "
            f"spatial shape {space}"
        )
    if not array.any():
        raise InputError("mask=empty; allowed are masks with at least one pixel")
    return array.copy()


def generator(rng: Generator) -> np.random.Generator:
    """``rng`` itself, or a new generator seeded with it (None: from the operating system)."""
    seed = isinstance(rng, (int, np.integer)) and not isinstance(rng, bool) and rng >= 0
    if rng is None or seed or isinstance(rng, np.random.Generator):
        return np.random.default_rng(rng)
    raise InputError(f"rng={rng!r}; allowed are None, an integer >= 0 or numpy.random.Generator")


def exponent(norm: Any) -> int:
    """1 for ``norm="l1"``, 2 for ``"l2"``."""
    if norm not in ("l1", "l2"):
        raise InputError(f"norm={norm!r}; allowed are 'l1' and 'l2'")
    return 1 if norm == "l1" else 2


def report(on_step: Callback | None, known: int, target: int, error: float | None = None) -> bool:
    """Tell the caller; True where the callback asks to stop."""
    if on_step is None:
        return False
    return on_step(MaskStep(known, target, error)) is True


def check_callback(on_step: Callback | None) -> None:
    """Callable, or None."""
    if on_step is not None and not callable(on_step):
        raise InputError(f"on_step={on_step!r}; allowed are None or a callable")
