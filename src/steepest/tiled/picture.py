"""An image that is read and written by windows, in the caller's axes and dtype."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core.arrays import Layout, check_magnitude, normalize_axis, prepare_image
from ..core.errors import InputError
from ..core.namespace import to_float64
from .windows import Window


@dataclass(frozen=True)
class Picture:
    """Anything with ``shape``, ``dtype`` and slicing: an array of NumPy, zarr, h5py, a memory map.

    Values are multiplied by ``scale``, a power of two that brings them near one, and computed in
    float64 if ``double``. ``lead`` is the index of the image in a stack.
    """

    array: Any
    channel_axis: int | None
    scale: float = 1.0
    lead: tuple[int, ...] = ()
    double: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the image."""
        return tuple(map(int, self.array.shape))[len(self.lead) :]

    @property
    def space(self) -> tuple[int, ...]:
        """The shape without channels."""
        shape, axis = self.shape, self.axis
        return shape if axis is None else shape[:axis] + shape[axis + 1 :]

    @property
    def axis(self) -> int | None:
        """The axis of the channels, not negative."""
        return normalize_axis(self.channel_axis, len(self.shape), "channel_axis")

    @property
    def channels(self) -> int:
        """The number of channels."""
        return 1 if self.axis is None else self.shape[self.axis]

    @property
    def size(self) -> int:
        """The number of values."""
        return math.prod(self.shape)

    @property
    def dtype(self) -> np.dtype:
        """The dtype of computations."""
        wide = self.double or np.dtype(self.array.dtype) == np.float64
        return np.dtype(np.float64 if wide else np.float32)

    def _index(self, window: Window) -> tuple[Any, ...]:
        axis = self.axis
        index = window if axis is None else (*window[:axis], slice(None), *window[axis:])
        return (*self.lead, *index)

    def read(self, window: Window) -> np.ndarray:
        """The window as floats (channels, \\*window), contiguous."""
        part = np.asarray(self.array[self._index(window)])
        floats, _ = prepare_image(part, self.channel_axis, any_size=True)
        if self.scale != 1.0:
            floats = to_float64(floats) * self.scale
        return np.ascontiguousarray(floats, self.dtype)

    def write(self, window: Window, values: np.ndarray) -> None:
        """Write floats (channels, \\*window) in the array's dtype; integers are rounded."""
        if self.scale != 1.0:
            values = to_float64(values) / self.scale
        dtype = np.dtype(self.array.dtype)
        layout = Layout(dtype, self.axis, self.shape)
        self.array[self._index(window)] = layout.restore(values).astype(dtype, copy=False)


def check_picture(image: Any, channel_axis: int | None, name: str = "image") -> Picture:
    """Check shape and dtype, without reading a pixel; return the picture.

    Raises
    ------
    InputError
        If ``image`` has no shape and dtype, no pixels, or an unsuitable dtype or number of axes.
    """
    shape, dtype = getattr(image, "shape", None), getattr(image, "dtype", None)
    if shape is None or dtype is None or not hasattr(image, "__getitem__"):
        raise InputError(
            f"{name} of type {type(image).__name__} has no shape and dtype; allowed are arrays of "
            "NumPy, zarr or h5py, and memory maps"
        )
    sample = np.zeros([min(int(n), 1) for n in shape], np.dtype(dtype))
    prepare_image(sample, channel_axis, name)
    return Picture(image, channel_axis)


def scale_of(largest: float, picture: Picture, name: str = "image") -> float:
    """The power of two that brings values up to ``largest`` near one."""
    check_magnitude(np.asarray(largest, picture.dtype), name)
    return 1.0 if largest == 0 or 1e-6 < largest < 1e6 else 2.0 ** -np.frexp(largest)[1]


def check_out(out: Any, picture: Picture, lead: tuple[int, ...]) -> Any:
    """``out``, of shape (\\*lead, \\*image), or a new NumPy array if it is None.

    Raises
    ------
    InputError
        If it has another shape or dtype, or cannot be written.
    """
    shape, dtype = (*lead, *picture.shape), np.dtype(picture.array.dtype)
    if out is None:
        return np.empty(shape, dtype)
    given = tuple(getattr(out, "shape", ())), getattr(out, "dtype", None)
    if not hasattr(out, "__setitem__") or given[0] != shape or given[1] != dtype:
        raise InputError(
            f"out of type {type(out).__name__} with shape {given[0]} and dtype {given[1]}; needed "
            f"are shape {shape}, dtype {dtype} and assignment by slices"
        )
    return out
