"""From the user's image and mask to arrays, and back."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core.arrays import (
    Layout,
    as_array,
    check_spacing,
    dtype_name,
    own_channel_axis,
    prepare_image,
)
from ..core.errors import InputError
from ..core.namespace import Array, detached, is_torch, namespace

_LARGEST = 1e150  # squares of more would overflow
_FARTHEST = 1e15  # squares stay in the range of float32


@dataclass(frozen=True, eq=False)
class Problem:
    """An image with known and unknown pixels.

    Attributes
    ----------
    values : array (C, \\*space)
        float32 or float64, NumPy or torch; finite, zero where the image was missing.
    confidence : ndarray (\\*space)
        Boolean, or float64 in [0, 1].
    layout : Layout
        How the image was given.
    spacing : tuple
        One number a spatial axis.
    missing : ndarray (\\*space) or None
        Where the image was NaN, or infinite with ``known`` given; None for integers.
    """

    values: Array
    confidence: np.ndarray
    layout: Layout
    spacing: tuple[float, ...]
    missing: np.ndarray | None

    @property
    def known(self) -> np.ndarray:
        """Boolean (\\*space): pixels that keep their values exactly."""
        return self.confidence.astype(bool) if self.is_mask else self.confidence == 1

    @property
    def is_mask(self) -> bool:
        """Whether pixels are either known or not."""
        return self.confidence.dtype == bool


def prepare(
    image: Any,
    known: Any = None,
    channel_axis: int | None = None,
    spacing: float | Sequence[float] | None = None,
) -> Problem:
    """Check an image and what is known of it.

    Parameters
    ----------
    image : array
        As in `steepest.inpaint`. Values of unknown pixels may be anything, NaN included.
    known : array of the spatial shape, or None
        Boolean, or confidences in [0, 1]; None: pixels that are NaN in no channel.

    Raises
    ------
    InputError
        Bad image, or ``known`` of the wrong shape or type, out of range, with no known pixel, or
        known where the image is NaN.
    """
    channel_axis = own_channel_axis(image, channel_axis)
    array = as_array(image, "image")
    xp = namespace(array)
    floating = "float" in str(array.dtype)
    missing: Any = (xp.isnan(array) if known is None else ~xp.isfinite(array)) if floating else None
    clean = array if missing is None else xp.where(missing, xp.zeros_like(array), array)
    values, layout = prepare_image(clean, channel_axis, any_size=True)
    space = tuple(values.shape[1:])
    if missing is not None:
        missing = np.asarray(detached(missing))
        if layout.channel_axis is not None:
            missing = missing.any(axis=layout.channel_axis)
    if known is None:
        if missing is None:
            raise InputError(
                f"known is needed for an image of dtype {layout.dtype}: only floating-point images "
                "can mark unknown pixels with NaN"
            )
        confidence: np.ndarray = ~missing
    else:
        confidence = check_known(known, space)
        if missing is not None and bool((missing & (confidence > 0)).any()):
            number = int((missing & (confidence > 0)).sum())
            raise InputError(
                f"image is NaN or infinite at {number} pixels that known says are known"
            )
    if not bool((confidence > 0).any()):
        raise InputError("known has no known pixel; at least one is needed")
    largest = float(np.abs(detached(values)).max(initial=0, where=confidence > 0))
    if largest > _LARGEST:
        raise InputError(f"image has values up to {largest:g}; allowed are magnitudes to 1e150")
    steps = check_spacing(spacing, len(space))
    if max(steps) > _FARTHEST or min(steps) < 1 / _FARTHEST:
        raise InputError(f"spacing={spacing!r}; allowed are numbers from 1e-15 to 1e15")
    return Problem(values, confidence, layout, steps, missing)


def prepare_numpy(
    image: Any, channel_axis: int | None, name: str = "image", *, any_size: bool = False
) -> tuple[np.ndarray, Layout]:
    """`prepare_image` where NumPy computes: of a tensor, its values."""
    values = image.detach() if is_torch(image) else image
    array, layout = prepare_image(values, channel_axis, name, any_size=any_size)
    return np.asarray(detached(array)), layout


def unit_of(values: np.ndarray, known: np.ndarray | bool = True) -> float:
    """A power of two; (C, \\*space) over it has no square that over- or underflows; mostly 1."""
    largest = float(np.abs(values).max(initial=0, where=known))
    if largest == 0 or 1e-100 < largest < 1e100:
        return 1.0
    return 2.0 ** (math.frexp(largest)[1] - 1)


def grid_of(space: tuple[int, ...]) -> tuple[int, ...]:
    """The shape in which the elliptic solver takes an image: (1, n) for one axis."""
    return space if len(space) > 1 else (1, *space)


def check_known(known: Any, space: tuple[int, ...], name: str = "known") -> np.ndarray:
    """A Boolean mask, or confidences in float64 of which some are neither 0 nor 1.

    Raises
    ------
    InputError
        Not of the spatial shape; neither Boolean nor floating; confidences outside [0, 1].
    """
    array = as_array(known, name)
    if tuple(array.shape) != space:
        raise InputError(
            f"{name} of shape {tuple(array.shape)} must have the spatial shape {space}"
        )
    kind = dtype_name(array) if is_torch(array) else array.dtype.name
    if kind not in ("bool", "float16", "float32", "float64"):
        raise InputError(
            f"{name} has dtype {array.dtype}; allowed are bool, and floats in [0, 1] "
            f"(for an integer mask give {name} > 0)"
        )
    array = detached(array)
    if kind == "bool":
        return np.asarray(array)
    values = array.astype(np.float64)
    if not bool(((values >= 0) & (values <= 1)).all()):
        raise InputError(f"{name} must be finite and in [0, 1]")
    if bool(((values == 0) | (values == 1)).all()):
        return values == 1
    return values
