"""From the user's array to the one the numerics work on, and back.

Inside, every image is a C-contiguous float array of shape ``(channels, *space)`` with one to
three spatial axes. The rule for dtypes: float32 and float64 are computed and returned as such;
uint8 and uint16 are divided by 255 and 65535, computed in float32, and written back in kind
(clipped and rounded). Anything else is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .errors import InputError
from .namespace import Array, detached, follows, is_torch, namespace

_INTEGER_MAXIMUM = {"uint8": 255, "uint16": 65535}
_FLOATS = ("float32", "float64")


@dataclass(frozen=True)
class Layout:
    """How an image was given: what is needed to write a result back in kind."""

    dtype: Any
    channel_axis: int | None
    shape: tuple[int, ...]

    @property
    def integer_maximum(self) -> int | None:
        """255, 65535, or None for floating-point images."""
        return _INTEGER_MAXIMUM.get(str(self.dtype))

    def restore(self, array: Array, leading: int = 0) -> Array:
        """``(..., channels, *space)`` to the user's axes and dtype; ``leading`` axes stay first."""
        xp = namespace(array)
        array = self.restore_axes(array, leading)
        if self.integer_maximum is None:
            return array
        return np.rint(xp.clip(array, 0, 1) * self.integer_maximum).astype(self.dtype)

    def restore_axes(self, array: Array, leading: int = 0) -> Array:
        """``(..., channels, *space)`` to the user's axes, the floating-point dtype kept."""
        xp = namespace(array)
        if self.channel_axis is None:
            return array[(slice(None),) * leading + (0,)]
        return xp.moveaxis(array, leading, leading + self.channel_axis)


def dtype_name(array: Array) -> str:
    """'float32' for both ``np.float32`` and ``torch.float32``."""
    return str(array.dtype).removeprefix("torch.")


def prepare_image(
    image: Any, channel_axis: int | None = None, name: str = "image"
) -> tuple[Array, Layout]:
    """Check an image and bring it to ``(channels, *space)`` floats.

    Raises
    ------
    InputError
        Not numeric, complex or of an unsupported integer type; empty; NaN or infinite;
        not one to three spatial axes; a ``channel_axis`` that is not an axis of the image.
    """
    array = image if is_torch(image) else np.asarray(image)
    kind = dtype_name(array)
    if kind not in _FLOATS and (is_torch(array) or kind not in _INTEGER_MAXIMUM):
        raise InputError(
            f"{name} has dtype {kind}; allowed are float32 and float64"
            + ("" if is_torch(array) else ", uint8 and uint16 (convert with image.astype(float))")
        )
    shape = tuple(array.shape)
    if 0 in shape or len(shape) == 0:
        raise InputError(f"{name} of shape {shape} has no pixels; at least one per axis is needed")
    axis = normalize_axis(channel_axis, len(shape), "channel_axis")
    num_space = len(shape) - (axis is not None)
    if not 1 <= num_space <= 3:
        raise InputError(
            f"{name} of shape {shape} with channel_axis={channel_axis} has {num_space} spatial "
            "axes; allowed are 1, 2 or 3 (for a colour image give channel_axis=-1, "
            "for a batch batch_axis=0)"
        )
    layout = Layout(array.dtype, axis, shape)
    if kind in _INTEGER_MAXIMUM:
        array = array.astype(np.float32) / np.float32(_INTEGER_MAXIMUM[kind])
    xp = namespace(array)
    if not bool(xp.isfinite(array).all()):
        bad = int((~xp.isfinite(array)).sum())
        raise InputError(
            f"{name} holds {bad} NaN or infinite pixels; every pixel must be finite "
            "(fill the unknown ones first)"
        )
    array = array[None] if axis is None else xp.moveaxis(array, axis, 0)
    if not is_torch(array):
        return np.ascontiguousarray(array), layout
    contiguous: Any = array
    return contiguous.contiguous(), layout


def normalize_axis(axis: int | None, ndim: int, name: str) -> int | None:
    """A non-negative axis number, or None."""
    if axis is None:
        return None
    if isinstance(axis, bool) or not isinstance(axis, (int, np.integer)):
        raise InputError(f"{name}={axis!r} is not an integer or None")
    if not -ndim <= axis < ndim:
        raise InputError(f"{name}={axis} is no axis of an array with {ndim} axes")
    return int(axis) % ndim


def check_spacing(spacing: float | Sequence[float] | None, num_space: int) -> tuple[float, ...]:
    """Pixel spacing per spatial axis, as floats (default 1)."""
    if spacing is None:
        return (1.0,) * num_space
    values = np.atleast_1d(np.asarray(spacing, dtype=float))
    if values.size == 1 and values.ndim == 1:
        values = np.repeat(values, num_space)
    if values.shape != (num_space,):
        raise InputError(
            f"spacing={spacing!r} must be one number or one for each of {num_space} spatial axes"
        )
    if not np.all(np.isfinite(values) & (values > 0)):
        raise InputError(f"spacing={spacing!r} must be positive and finite")
    return tuple(float(value) for value in values)


def check_weights(weights: Any, space: tuple[int, ...], like: Array) -> Array | None:
    """Spatial weights of the total variation: non-negative, finite, of the spatial shape."""
    if weights is None:
        return None
    if follows(weights):
        raise InputError("weights requires grad; only image, strength and times are differentiable")
    if is_torch(like):
        weights = namespace(like).as_tensor(weights, dtype=like.dtype, device=like.device)
    else:
        weights = np.ascontiguousarray(np.asarray(detached(weights), dtype=like.dtype))
    if tuple(weights.shape) != space:
        raise InputError(
            f"weights of shape {tuple(weights.shape)} must have the spatial shape {space}"
        )
    xp = namespace(weights)
    if not bool((xp.isfinite(weights) & (weights >= 0)).all()):
        raise InputError("weights must be finite and not negative")
    return weights


def check_number(value: Any, name: str, *, positive: bool = False) -> float:
    """A finite real number that is not negative (or is positive)."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise InputError(f"{name}={value!r} is not a number") from None
    if not np.isfinite(number) or number < 0 or (positive and number == 0):
        allowed = "positive" if positive else "zero or positive"
        raise InputError(f"{name}={value!r} must be finite and {allowed}")
    return number


def check_data_range(value: Any, arrays: Sequence[Array], layout: Layout) -> float:
    """The range PSNR refers to; by default 1 for integers, else what the images span (1 if 0)."""
    if value is None:
        span = max(float(a.max()) for a in arrays) - min(float(a.min()) for a in arrays)
        value = 1.0 if layout.integer_maximum is not None or span == 0 else span
    return check_number(value, "data_range", positive=True)


def check_count(value: Any, name: str) -> int:
    """A positive integer."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
        raise InputError(f"{name}={value!r} must be a positive integer")
    return int(value)
