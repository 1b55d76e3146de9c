"""Conversion of the user's array to the one used in computations, and back.

Internally, every image is a C-contiguous float array of shape ``(channels, *space)`` with one to
three spatial axes. The dtypes follow these rules: float32 and float64 are used and returned
unchanged. uint8 and uint16 are divided by 255 and 65535, computed in float32 (for labels in
float64), and converted back (clipped and rounded). float16 is computed in float32 and converted
back. Booleans become 0 and 1 in float32. Byte order, memory order and read-only memory do not
matter. Any other dtype is rejected with advice on how to convert it.
"""

import math
import sys
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from typing import Any

import numpy as np

from .errors import InputError
from .namespace import Array, detached, follows, is_torch, magnitude, namespace, to_float64
from .numbers import check_number, check_numbers

_INTEGER_MAXIMUM = {"uint8": 255, "uint16": 65535}
_FLOATS = ("float32", "float64")
_WIDENED = ("float16", "bool")  # computed in float32
_FARTHEST = 1e12  # largest pixel spacing: from an atom to the sun, in any unit of length
_HEAVIEST = 1e12  # largest weight


@dataclass(frozen=True)
class Layout:
    """How an image was given, as needed to convert a result back to the same form."""

    dtype: Any
    channel_axis: int | None
    shape: tuple[int, ...]

    @property
    def integer_maximum(self) -> int | None:
        """255, 65535, or None for floating-point images."""
        return _INTEGER_MAXIMUM.get(_name(self.dtype))

    def scale_hint(self, value: float) -> str:
        """What is added to the error about a grey value that is too large: its scale is [0, 1]."""
        top = self.integer_maximum
        if top is None or value < 1:
            return ""
        return (
            f". Values of {_name(self.dtype)} images are taken as 0 to 1: "
            f"{value:g} of {top} is {value / top:.3g}"
        )

    def restore(self, array: Array, leading: int = 0) -> Array:
        """Convert ``(*leading, channels, *space)`` to the user's axes and dtype."""
        xp = namespace(array)
        array = self.restore_axes(array, leading)
        if self.integer_maximum is not None:
            return np.rint(xp.clip(array, 0, 1) * self.integer_maximum).astype(self.dtype)
        return array.astype(np.float16) if _name(self.dtype) == "float16" else array

    def restore_axes(self, array: Array, leading: int = 0) -> Array:
        """Convert ``(..., channels, *space)`` to the user's axes; keep the floating-point dtype."""
        xp = namespace(array)
        if self.channel_axis is None:
            return array[(slice(None),) * leading + (0,)]
        return xp.moveaxis(array, leading, leading + self.channel_axis)


def dtype_name(array: Array) -> str:
    """Return 'float32' for both ``np.float32``, of either byte order, and ``torch.float32``."""
    return _name(array.dtype)


def _name(dtype: Any) -> str:
    return dtype.name if isinstance(dtype, np.dtype) else str(dtype).removeprefix("torch.")


def prepare_image(
    image: Any,
    channel_axis: int | None = None,
    name: str = "image",
    *,
    any_size: bool = False,
    double: bool = False,
) -> tuple[Array, Layout]:
    """Check an image and convert it to ``(channels, *space)`` floats, float64 if ``double``.

    Raises `InputError` for what the module does not allow. With ``any_size``, the caller checks the
    magnitude of the values.
    """
    channel_axis = own_channel_axis(image, channel_axis)
    array = as_array(image, name)
    kind = dtype_name(array)
    if kind not in _FLOATS and (is_torch(array) or kind not in (*_INTEGER_MAXIMUM, *_WIDENED)):
        raise InputError(f"{name} has dtype {kind}; {_advice(array, name)}")
    shape = tuple(array.shape)
    if 0 in shape or len(shape) == 0:
        raise InputError(f"{name} of shape {shape} has no pixels; at least one per axis is needed")
    axis = normalize_axis(channel_axis, len(shape), "channel_axis")
    num_space = len(shape) - (axis is not None)
    if axis is None and num_space == 3 and shape[2] in (3, 4) and min(shape[:2]) > 4:
        warn(
            f"{name} of shape {shape} is taken for a volume; if it is in colour, give "
            f"channel_axis=-1 (for a volume without this warning: {name}[..., None] and "
            "channel_axis=-1)"
        )
    if str(axes := getattr(image, "axes", "")).startswith("T"):  # of `steepest.io.read_image`
        warn(
            f"{name} is a series of images (axes {axes}) and taken for one; batch_axis=0, or each "
            f"of {name}.parts, takes them one by one ({name}.array is one without this warning)"
        )
    if not 1 <= num_space <= 3:
        raise InputError(
            f"{name} of shape {shape} with channel_axis={channel_axis} has {num_space} spatial "
            "axes; allowed are 1, 2 or 3 (for a colour image give channel_axis=-1, "
            "for a batch batch_axis=0)"
        )
    if not is_torch(array):
        array = array.astype(array.dtype.newbyteorder("="), copy=False)
    layout = Layout(np.dtype("float32") if kind == "bool" else array.dtype, axis, shape)
    xp = namespace(array)
    array = array[None] if axis is None else xp.moveaxis(array, axis, 0)
    if double:
        array = to_float64(array)
    elif kind in (*_INTEGER_MAXIMUM, *_WIDENED):
        array = array.astype(np.float32, order="C")
    if kind in _INTEGER_MAXIMUM:
        array /= array.dtype.type(_INTEGER_MAXIMUM[kind])
    elif not math.isfinite(magnitude(array)):
        bad = int((~xp.isfinite(array)).sum())
        raise InputError(
            f"{name} holds {bad} NaN or infinite pixels; every pixel must be finite "
            "(steepest.inpaint(image) fills in the pixels that are NaN)"
        )
    if not any_size:
        check_magnitude(array, name)
    if not is_torch(array):
        return np.ascontiguousarray(array), layout
    contiguous: Any = array
    return contiguous.contiguous(), layout


def warn(text: str) -> None:
    """Warn where the caller's code calls this package."""
    frame, level = sys._getframe(), 1
    while frame.f_back and frame.f_globals.get("__name__", "").startswith("steepest."):
        frame, level = frame.f_back, level + 1
    warnings.warn(text, stacklevel=level)


def own_channel_axis(image: Any, channel_axis: int | None) -> int | None:
    """Return the given axis, or that of an image with its own axis (`steepest.io.read_image`)."""
    if channel_axis is None and not is_torch(image) and not isinstance(image, np.ndarray):
        return getattr(image, "channel_axis", None)
    return channel_axis


def _advice(array: Array, name: str) -> str:
    """Return advice on how to convert an image of a type that is rejected."""
    if is_torch(array):
        allowed = "allowed are float32 and float64"
        if "int" in dtype_name(array):
            return f"{allowed} ({name} / 255 brings numbers from 0 to 255 to [0, 1])"
        return f"{allowed} (convert with {name}.float())"
    allowed = "allowed are float16, float32, float64, uint8, uint16 and bool"
    if array.dtype.kind in "iu":
        return (
            f"{allowed}. It is not known what stands for white: {name}.astype(float) keeps the "
            "numbers as they are, and times and strengths refer to them; "
            f"{name} / 255 brings numbers from 0 to 255 to [0, 1]"
        )
    if array.dtype.kind == "f":
        return f"{allowed} (convert with {name}.astype(float))"
    if array.dtype.kind == "c":
        return f"{allowed} (give real and imaginary part as two channels)"
    if not array.ndim and isinstance(array.item(), (str, PathLike)):
        return f"{allowed}. Read a file first: steepest.io.read_image({str(array)!r})"
    return allowed


def as_array(values: Any, name: str) -> Array:
    """Return a NumPy array, or a tensor unchanged; every array from a caller passes here.

    Raises `InputError` for a masked array, whose masked pixels would be used, a sparse tensor, or
    what is no array.
    """
    if is_torch(values):
        kind = "meta" if values.is_meta else str(values.layout).removeprefix("torch.")
        if kind != "strided":
            raise InputError(f"{name} is a {kind} tensor; allowed are dense ones, with values")
        return values
    if isinstance(values, np.ma.MaskedArray):
        raise InputError(
            f"{name} is a masked array; allowed are plain arrays. steepest.inpaint(image) fills in "
            f"the masked pixels of an image; {name}.filled(value) sets them all to one value"
        )
    try:
        return np.asarray(values)
    except (TypeError, ValueError, OverflowError, RuntimeError) as error:
        raise InputError(
            f"{name} of type {type(values).__name__} cannot be converted to an array: {error}"
        ) from None


def check_magnitude(array: Array, name: str) -> float:
    """Return the largest magnitude of finite values, which must leave room in the dtype.

    It must be 0 or from 1e-100 to 1e100; for float32, from 1e-34 to 1e37.
    """
    least, most = (1e-34, 1e37) if dtype_name(array) == "float32" else (1e-100, 1e100)
    largest = magnitude(array)
    if largest and not least <= largest <= most:
        raise InputError(
            f"{name} has values up to {largest:g}; allowed for {dtype_name(array)} are magnitudes "
            f"between {least:g} and {most:g}"
        )
    return largest


def scale_of(largest: float) -> float:
    """The power of two that brings values up to ``largest`` near one; 1 if they are near."""
    return 1.0 if largest == 0 or 1e-6 < largest < 1e6 else 2.0 ** -math.frexp(largest)[1]


def check_field(values: Any, name: str) -> Array:
    """Check a float32 or float64 array or tensor of any shape with finite values."""
    array = as_array(values, name)
    if dtype_name(array) not in _FLOATS:
        raise InputError(f"{name} has dtype {dtype_name(array)}; allowed are float32 and float64")
    if not bool(namespace(array).isfinite(array).all()):
        raise InputError(f"{name} holds NaN or infinite values; every value must be finite")
    return array


def normalize_axis(axis: int | None, ndim: int, name: str) -> int | None:
    """Return a non-negative axis number, or None."""
    if axis is None:
        return None
    if isinstance(axis, bool) or not isinstance(axis, (int, np.integer)):
        raise InputError(f"{name}={axis!r} is not an integer or None")
    if not -ndim <= axis < ndim:
        raise InputError(f"{name}={axis} is out of range for an array with {ndim} axes")
    return int(axis) % ndim


def batch_items(
    image: Any, batch_axis: int | None, channel_axis: int | None
) -> tuple[list[Any], int | None, int | None]:
    """Return the items of a batch, the batch axis and the channel axis of an item."""
    if batch_axis is None:
        return [image], None, channel_axis
    array = image if isinstance(image, np.ma.MaskedArray) else as_array(image, "image")
    axis = normalize_axis(batch_axis, array.ndim, "batch_axis")
    channel = normalize_axis(channel_axis, array.ndim, "channel_axis")
    if channel is not None and channel == axis:
        raise InputError(f"channel_axis={channel_axis} and batch_axis={batch_axis} are the same")
    assert axis is not None
    if array.shape[axis] == 0:
        raise InputError(
            f"image of shape {tuple(array.shape)} has no items along batch_axis={axis}"
        )
    if channel is not None and channel > axis:
        channel -= 1
    return list(namespace(array).moveaxis(array, axis, 0)), axis, channel


def check_spacing(spacing: float | Sequence[float] | None, num_space: int) -> tuple[float, ...]:
    """Return the pixel spacing per spatial axis as floats (default 1)."""
    if spacing is None:
        return (1.0,) * num_space
    values = np.atleast_1d(check_numbers(spacing, "spacing"))
    if values.size == 1 and values.ndim == 1:
        values = np.repeat(values, num_space)
    if values.shape != (num_space,):
        raise InputError(
            f"spacing={spacing!r} must be one number or one for each of {num_space} spatial axes"
        )
    if not np.all((values >= 1 / _FARTHEST) & (values <= _FARTHEST)):
        raise InputError(
            f"spacing={spacing!r} must be positive; allowed are numbers from {1 / _FARTHEST:g} to "
            f"{_FARTHEST:g}"
        )
    return tuple(float(value) for value in values)


def check_weights(weights: Any, space: tuple[int, ...], like: Array) -> Array | None:
    """Check spatial weights of the total variation: non-negative, finite, of the spatial shape."""
    return None if weights is None else check_map(weights, "weights", space, like)


def check_map(
    values: Any, name: str, space: tuple[int, ...], like: Array, least: float = 0.0
) -> Array:
    """Check a map of the spatial shape, finite and at least ``least``; in the type of an image."""
    if follows(values):
        raise InputError(
            f"{name} requires grad; only `denoise` with a strength and `flow` differentiate"
        )
    values = as_array(values, name)
    if dtype_name(values).lstrip("u").rstrip("0123456789") not in ("int", "float", "bool"):
        raise InputError(f"{name} has dtype {values.dtype}; allowed are real numbers")
    if tuple(values.shape) != space:
        raise InputError(
            f"{name} of shape {tuple(values.shape)} must have the spatial shape {space}"
        )
    if not bool(((values >= least) & (values <= np.float64(_HEAVIEST))).all()):
        floor = f"at least {least:g}" if least else "not negative"
        raise InputError(f"{name} must be finite, {floor} and at most {_HEAVIEST:g}")
    if is_torch(like):
        return namespace(like).as_tensor(values, dtype=like.dtype, device=like.device)
    return np.ascontiguousarray(np.asarray(detached(values), dtype=like.dtype))


def check_data_range(value: Any, arrays: Sequence[Array], layout: Layout) -> float:
    """The range that the PSNR refers to: by default 1 for integers, else that of the values."""
    if value is None:
        value = 1.0
        if layout.integer_maximum is None:
            span = max(float(a.max()) for a in arrays) - min(float(a.min()) for a in arrays)
            value = span or 1.0
    return check_number(value, "data_range", positive=True)
