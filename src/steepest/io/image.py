"""An image as arrays, with the metadata needed to write a result in the form of its source file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from steepest.core.arrays import Layout, check_field
from steepest.core.errors import InputError
from steepest.core.limits import MAX_PIXELS
from steepest.core.namespace import detached

from .metadata import Metadata

DTYPES = ("uint8", "uint16", "float32", "float64")
_MOST = {"float32": 2**24, "float64": 2**53}  # up to which all whole numbers are exact


@dataclass(frozen=True)
class Request:
    """How a file is to be read: the arguments of `read_image`."""

    stack: str = "auto"
    channel_axis: int | str | None = "auto"
    max_pixels: int = MAX_PIXELS
    scene: int | None = None

    def choose(self, scenes: Sequence[str], name: str) -> int:
        """The index of the image that is read, of those of a file with these names."""
        count = len(scenes)
        if self.scene is None and count > 1:
            listed = "; ".join(f"{k}: {each}" for k, each in enumerate(scenes[:20], 1))
            more = "" if count <= 20 else "; ..."
            raise InputError(
                f"{name}: holds {count} images ({listed}{more}); choose one by --scene N (scene=N)"
            )
        if not 1 <= (self.scene or 1) <= count:
            raise InputError(f"{name}: scene={self.scene}; the file holds {count}, from 1")
        return (self.scene or 1) - 1


ANY = Request()


@dataclass(frozen=True, eq=False)
class Image:
    """The pixels and metadata of one file.

    ``axes`` has one letter per axis of ``array``, always in the order T (pages that are processed
    separately), Z, Y, X, C (channels): for example "YX", "YXC", "ZYX", "TYXC" or "X". ``alpha``
    holds transparency and other extra samples, with shape ``(..., k)``; these samples are never
    filtered. ``stored_axes`` is the order of the axes in the file.
    """

    array: np.ndarray
    axes: str
    alpha: np.ndarray | None = None
    metadata: Metadata = field(default_factory=Metadata)
    format: str = ""
    stored_axes: str = ""
    name: str = "image"

    def __post_init__(self) -> None:
        axes, array, alpha = self.axes, self.array, self.alpha
        if not isinstance(array, np.ndarray) or isinstance(array, np.ma.MaskedArray):
            raise InputError(f"array of type {type(array).__name__}; allowed are plain arrays")
        order = [axis for axis in "TZYXC" if axis in str(axes)]
        if not isinstance(axes, str) or order != list(axes) or len(axes) != array.ndim:
            raise InputError(
                f"axes={axes!r} of an array of shape {array.shape}; allowed are letters of 'TZYXC' "
                "in this order, one per axis"
            )
        opaque = array.shape[:-1] if axes.endswith("C") else array.shape
        if alpha is not None and (not isinstance(alpha, np.ndarray) or alpha.shape[:-1] != opaque):
            raise InputError(
                f"alpha={alpha!r:.99}; allowed are arrays of shape {(*opaque, 'k')}, and None"
            )

    @property
    def channel_axis(self) -> int | None:
        """The channel axis in the form other functions expect: -1, or None without channels."""
        return -1 if self.axes.endswith("C") else None

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """Return the pixels, so that NumPy functions accept an image as an array."""
        return np.array(self.array, dtype=dtype, copy=copy)

    @property
    def space(self) -> str:
        """The spatial axes, for example "YX" or "ZYX"."""
        return self.axes.strip("TC")

    @property
    def pixel_size(self) -> tuple[float | None, ...] | None:
        """The size of a pixel along each spatial axis, in ``metadata.unit``; None if unknown."""
        return self.metadata.pixel_size(self.space)

    @property
    def parts(self) -> list[np.ndarray]:
        """The arrays to process separately: the pages along T, or the whole array."""
        return list(self.array) if self.axes.startswith("T") else [self.array]

    def with_parts(self, parts: Sequence[np.ndarray]) -> Image:
        """Return a copy of the image with new pixels: one array for each of :attr:`parts`."""
        array = np.stack(parts) if self.axes.startswith("T") else np.asarray(parts[0])
        return replace(self, array=array)

    def without_copies(self) -> Image:
        """Return the image, or one channel if all channels are equal (grey saved as colour)."""
        array = self.array
        if self.channel_axis is None or not bool((array == array[..., :1]).all()):
            return self
        stored = self.stored_axes.replace("C", "")
        one = np.ascontiguousarray(array[..., 0])
        return replace(self, array=one, axes=self.axes[:-1], stored_axes=stored)

    def of_numbers(self, parts: Sequence[np.ndarray] | None = None, dtype: Any = np.uint8) -> Image:
        """Return an image of one number per pixel, such as a label, with the same pixel size.

        ``parts`` are its pages. Without them it is blank, of the ``dtype``.
        """
        axes, stored = self.axes.removesuffix("C"), self.stored_axes.replace("C", "")
        if parts is None:
            array = np.broadcast_to(np.zeros((), dtype), self.array.shape[: len(axes)])
        else:
            array = np.stack(parts) if axes.startswith("T") else parts[0]
        metadata = self.metadata.without_display()
        return replace(
            self, array=array, axes=axes, stored_axes=stored, alpha=None, metadata=metadata
        )

    def samples(self) -> np.ndarray:
        """Return pixels and transparency in one array with channels last, as stored in files."""
        if self.alpha is None:
            return self.array
        colour = self.array if self.channel_axis is not None else self.array[..., None]
        return np.concatenate([colour, in_kind(self.alpha, colour.dtype)], axis=-1)


def from_float(array: np.ndarray, dtype: Any) -> np.ndarray:
    """Convert floats on the [0, 1] scale to ``dtype``: clip, scale and round.

    If ``dtype`` is a floating-point type, the values are cast without scaling.

    Raises
    ------
    InputError
        If the array does not hold floats, if it has values that are NaN, infinite or too large for
        ``dtype``, or if files cannot store ``dtype``.
    """
    kind, values = np.dtype(check_dtype(dtype)), np.asarray(detached(check_field(array, "array")))
    if kind.kind == "u":
        return np.asarray(Layout(kind, None, values.shape).restore(values[None]))
    largest, most = float(np.abs(values).max(initial=0)), float(np.finfo(kind).max)
    if largest > most:
        raise InputError(f"array has values up to {largest:g}; {kind} holds up to {most:g}")
    return values.astype(kind, copy=False)


def check_dtype(dtype: Any) -> str:
    """Return the name of a dtype that files can store: one of ``DTYPES``."""
    try:
        name = "" if dtype is None else np.dtype(dtype).name
    except Exception:  # NumPy raises almost any exception for an invalid dtype
        name = ""
    if name not in DTYPES:
        raise InputError(f"dtype={dtype!r}; allowed are {', '.join(DTYPES)}")
    return name


def in_kind(array: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Convert an image to another dtype; the integer range represents [0, 1]."""
    if array.dtype == dtype:
        return array
    if array.dtype.kind == "u":
        array = array.astype(np.float64) / np.iinfo(array.dtype).max
    return from_float(array, dtype)


def check_pixels(array: np.ndarray, name: str) -> np.ndarray:
    """Return a C-contiguous array in native byte order, after checking its dtype and size."""
    if array.size == 0:
        raise InputError(f"{name}: holds no pixels (shape {array.shape})")
    if array.dtype.name not in DTYPES:
        hint = "; of complex data, save np.angle(z) or two files" if array.dtype.kind == "c" else ""
        raise InputError(
            f"{name}: holds {array.dtype.name or array.dtype} values; allowed are "
            f"{', '.join(DTYPES)} (save it as float32{hint})"
        )
    return np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("="))


def _as_stored(array: np.ndarray, name: str) -> tuple[np.ndarray, str]:
    """An array of another dtype as one of ``DTYPES`` with the same values, and what was done."""
    kind = array.dtype
    if kind.kind == "b":
        return array.astype(np.uint8) * np.uint8(255), ""
    if kind.kind not in "iu" or kind.name in DTYPES or array.size == 0:
        return (array.astype(np.float32), "float16 as float32") if kind == "f2" else (array, "")
    largest = max(int(array.max()), -int(array.min()))
    wide = next((each for each, most in _MOST.items() if largest <= most), None)
    if wide is None:
        raise InputError(f"{name}: holds {kind} values up to {largest}; allowed is up to 2^53")
    return array.astype(wide), f"{kind.name} as {wide}"


def file_axes(stored: str, stack: str, name: str) -> str:
    """Convert axis letters: samples become channels, and pages a volume or time points."""
    stored = stored.replace("S", "C") if "C" not in stored else stored
    pages = "".join(axis for axis in stored if axis not in "YXC")
    if not {*"YX"} <= {*stored} or "S" in pages or (pages[1:] and pages not in ("TZ", "ZT")):
        raise InputError(
            f"{name}: axes {stored} are not supported; allowed are T, Z, C, Y, X (split the file, "
            "such as with Fiji)"
        )
    if len(pages) == 1:
        auto = "T" if pages == "T" else "Z"
        stored = stored.replace(pages, {"volume": "Z", "pages": "T"}.get(stack, auto))
    return stored


def label_axes(
    shape: tuple[int, ...], stack: str, channel_axis: int | str | None, name: str
) -> str:
    """Return letters for the axes of a plain array; "auto" takes a short last axis for colours."""
    ndim = len(shape)
    if channel_axis == "auto":
        colour = (
            stack != "volume" and ndim in (3, 4) and shape[-1] in (3, 4) and min(shape[-3:-1]) > 4
        )
        channel_axis = ndim - 1 if colour else None
    elif channel_axis is not None:
        channel_axis = int(channel_axis)
        if not -ndim <= channel_axis < ndim:
            raise InputError(
                f"{name}: channel_axis={channel_axis} is no axis of an array of shape {shape}"
            )
        channel_axis %= ndim
    count = ndim - (channel_axis is not None)
    first = "T" if stack == "pages" else "Z"
    space = {1: "X", 2: "YX", 3: first + "YX", 4: "TZYX"}.get(count)
    if space is None:
        raise InputError(
            f"{name}: shape {shape} has {count} axes besides channels; allowed are 1 to 3, "
            "and a fourth in front for images that are computed one by one"
        )
    if channel_axis is None:
        return space
    return space[:channel_axis] + "C" + space[channel_axis:]


def assemble(
    array: np.ndarray, stored_axes: str, name: str, kind: str, extra: int = 0, **notes: Any
) -> Image:
    """Create an image of format ``kind`` from a file's array; ``extra`` channels are its alpha."""
    axes = "".join(sorted(stored_axes, key="TZYXC".index))
    array, told = _as_stored(array, name)
    if told:
        metadata = notes.get("metadata", Metadata())
        notes["metadata"] = replace(metadata, changed=(*metadata.changed, told))
    array = np.transpose(check_pixels(array, name), [stored_axes.index(axis) for axis in axes])
    alpha = None
    if extra and axes.endswith("C") and array.shape[-1] > extra:
        array, alpha = array[..., :-extra], np.ascontiguousarray(array[..., -extra:])
        if array.shape[-1] == 1:
            array, axes, stored_axes = array[..., 0], axes[:-1], stored_axes.replace("C", "")
    array = np.ascontiguousarray(array)
    return Image(array, axes, alpha, format=kind, stored_axes=stored_axes, name=name, **notes)


def restore_order(array: np.ndarray, axes: str, stored_axes: str) -> np.ndarray:
    """Move the axes back to their order in the file."""
    if sorted(axes) != sorted(stored_axes):
        return array
    return np.transpose(array, [axes.index(axis) for axis in stored_axes])
