"""Conversion of the user's image and mask to arrays, and back."""

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
from ..core.namespace import Array, detached, follows, is_torch, namespace

_LARGEST = 1e150  # squares of larger values would overflow


@dataclass(frozen=True, eq=False)
class Problem:
    """An image with known and unknown pixels.

    ``values`` (C, *space) are float32 or float64, zero where the image was ``missing``.
    ``confidence`` (*space) is Boolean, or float64 in [0, 1]; ``tracked`` is as given, if autograd
    follows it.
    """

    values: Array
    confidence: np.ndarray
    layout: Layout
    spacing: tuple[float, ...]
    missing: np.ndarray | None
    tracked: Array | None = None

    @property
    def known(self) -> np.ndarray:
        """Boolean (\\*space): the pixels that keep their values exactly."""
        return self.confidence.astype(bool) if self.is_mask else self.confidence == 1

    @property
    def is_mask(self) -> bool:
        """True if every pixel is either known or unknown."""
        return self.confidence.dtype == bool


def prepare(
    image: Any,
    known: Any = None,
    unknown: Any = None,
    channel_axis: int | None = None,
    spacing: float | Sequence[float] | None = None,
    *,
    part: bool = False,
) -> Problem:
    """Check the arguments of `inpaint`; a ``part`` may have no known pixel, and any values."""
    if known is not None and unknown is not None:
        raise InputError("known and unknown are both given; allowed is one of them")
    tracked = known if follows(known) else None
    if tracked is not None and not is_torch(image):
        raise InputError("known requires grad, so image must be a torch tensor, too")
    given = known is not None or unknown is not None
    channel_axis = own_channel_axis(image, channel_axis)
    hidden = None
    if isinstance(image, np.ma.MaskedArray) and image.dtype.names is None:
        hidden, image = np.ma.getmaskarray(image), image.data
    array = as_array(image, "image")
    xp = namespace(array)
    floating = "float" in str(array.dtype)
    missing: Any = (~xp.isfinite(array) if given else xp.isnan(array)) if floating else None
    if hidden is not None:
        missing = hidden if missing is None else missing | hidden
    clean = array if missing is None else xp.where(missing, xp.zeros_like(array), array)
    values, layout = prepare_image(clean, channel_axis, any_size=True)
    space = tuple(values.shape[1:])
    if missing is not None:
        missing = np.asarray(detached(missing))
        if layout.channel_axis is not None:
            missing = missing.any(axis=layout.channel_axis)
    if given:
        name = "unknown" if known is None else "known"
        confidence = check_known(known, space) if known is not None else ~_to_fill(unknown, space)
        if missing is not None and bool((missing & (confidence > 0)).any()):
            number = int((missing & (confidence > 0)).sum())
            raise InputError(
                f"image is NaN, infinite or masked at {number} pixels that are known according to "
                f"{name}"
            )
    elif missing is None:
        raise InputError(
            f"known or unknown is needed for an image of dtype {layout.dtype}: only "
            "floating-point images can mark unknown pixels with NaN (a masked array can, too)"
        )
    else:
        confidence = ~missing
    steps = check_spacing(spacing, len(space))
    if not part:
        if not bool((confidence > 0).any()):
            name = "known" if known is not None else "image" if unknown is None else "unknown"
            raise InputError(
                f"{name} leaves no known pixel; at least one is needed (True means known in "
                "known=, and to be filled in unknown=)"
            )
        check_largest(float(np.abs(detached(values)).max(initial=0, where=confidence > 0)))
    return Problem(values, confidence, layout, steps, missing, tracked)


def check_largest(largest: float) -> None:
    """Raise `InputError` if the largest magnitude of the known values is too large."""
    if largest > _LARGEST:
        raise InputError(f"image has values up to {largest:g}; allowed are magnitudes up to 1e150")


def prepare_numpy(
    image: Any, channel_axis: int | None, name: str = "image", *, any_size: bool = False
) -> tuple[np.ndarray, Layout]:
    """Run `prepare_image` for computations in NumPy; of a tensor, the values are used."""
    values = image.detach() if is_torch(image) else image
    array, layout = prepare_image(values, channel_axis, name, any_size=any_size)
    return np.asarray(detached(array)), layout


def unit_of(values: np.ndarray, known: np.ndarray | bool = True) -> float:
    """Return a power of two, mostly 1, divided by which no square of (C, *space) overflows."""
    largest = float(np.abs(values).max(initial=0, where=known))
    if largest == 0 or 1e-100 < largest < 1e100:
        return 1.0
    return 2.0 ** (math.frexp(largest)[1] - 1)


def grid_of(space: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape in which the elliptic solver takes an image: (1, n) for one axis."""
    return space if len(space) > 1 else (1, *space)


def check_known(known: Any, space: tuple[int, ...]) -> np.ndarray:
    """Return a Boolean mask, or float64 confidences, some of which are neither 0 nor 1."""
    array = _check_spatial(known, "known", space)
    kind = dtype_name(array) if is_torch(array) else array.dtype.name
    if kind not in ("bool", "float16", "float32", "float64"):
        raise InputError(
            f"known has dtype {array.dtype}; allowed are bool, and floats in [0, 1] (for an "
            "integer mask give known > 0; a mask that marks what is to be filled is given as "
            "unknown=)"
        )
    array = detached(array)
    if kind == "bool":
        return np.asarray(array)
    values = array.astype(np.float64)
    if not bool(((values >= 0) & (values <= 1)).all()):
        raise InputError("known must be finite and in [0, 1]")
    if bool(((values == 0) | (values == 1)).all()):
        return values == 1
    return values


def _to_fill(unknown: Any, space: tuple[int, ...]) -> np.ndarray:
    """Return the pixels to fill, from a mask with at most one nonzero value."""
    array = _check_spatial(unknown, "unknown", space)
    if dtype_name(array).lstrip("u").rstrip("0123456789") not in ("int", "float", "bool"):
        raise InputError(f"unknown has dtype {array.dtype}; allowed are Booleans and real numbers")
    array = detached(array)
    marked = array != 0
    if marked.any() and array[marked].min() != array[marked].max():
        raise InputError(
            "unknown holds more than two values; allowed are Booleans, or 0 and one other number "
            "(for every pixel that is not 0 give unknown != 0)"
        )
    return np.asarray(marked)


def _check_spatial(mask: Any, name: str, space: tuple[int, ...]) -> Array:
    """Return a mask as an array; raise `InputError` if it does not have the spatial shape."""
    array = as_array(mask, name)
    if tuple(array.shape) != space:
        raise InputError(
            f"{name} of shape {tuple(array.shape)} must have the spatial shape {space}"
            + (" (of a colour image: give channel_axis)" if array.shape == space[:2] else "")
        )
    return array
