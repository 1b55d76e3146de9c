"""An image that is read by windows, and results that are written by windows."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from ..core.arrays import Layout, as_array, normalize_axis, prepare_image
from ..core.errors import InputError, naming
from ..core.namespace import to_float64
from ..core.views import Part
from .windows import Tiling, Window
from .workspace import Workspace, read

Values = Callable[[Window], np.ndarray]

_BLOCK = {1: 1 << 22, 2: 2048, 3: 160}  # pixels along each axis that are written at a time


@dataclass(frozen=True)
class Picture:
    """Anything with ``shape``, ``dtype`` and slicing: an array of NumPy, zarr, h5py, a memory map.

    Values are multiplied by ``scale``, a power of two, and computed in float64 if ``double``.
    Results of integer images are floating point if ``floats``.
    """

    array: Any
    channel_axis: int | None
    scale: float = 1.0
    double: bool = False
    floats: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the image."""
        return tuple(map(int, self.array.shape))

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
        wide = self.double or np.dtype(self.array.dtype).name == "float64"
        return np.dtype(np.float64 if wide else np.float32)

    @property
    def result_dtype(self) -> np.dtype:
        """The dtype of results."""
        kind = np.dtype(self.array.dtype)
        if self.floats and kind.name != "float64":
            return np.dtype(np.float32)
        return np.dtype(np.float32) if kind.kind == "b" else kind.newbyteorder("=")

    def index(self, window: Window) -> tuple[Any, ...]:
        """The window in the caller's axes."""
        axis = self.axis
        return window if axis is None else (*window[:axis], slice(None), *window[axis:])

    def read(self, window: Window) -> np.ndarray:
        """The window as floats (channels, \\*window), contiguous."""
        part = np.asarray(self.array[self.index(window)])
        floats, _ = prepare_image(part, self.channel_axis, any_size=True, double=self.double)
        if self.scale != 1.0:
            floats = to_float64(floats) * self.scale
        return np.ascontiguousarray(floats, self.dtype)

    def restored(self, values: np.ndarray) -> np.ndarray:
        """Floats (channels, \\*window) in the dtype of results; integers are rounded."""
        if self.scale != 1.0:
            values = to_float64(values) / self.scale
        dtype = self.result_dtype
        return Layout(dtype, 0, values.shape).restore(values).astype(dtype, copy=False)


@dataclass(frozen=True)
class WorkspaceArray:
    """An array that was put into the workspace: opened where it is used, not carried there."""

    store: Workspace
    name: str
    shape: tuple[int, ...]
    dtype: np.dtype

    def __getitem__(self, index: Any) -> np.ndarray:
        return self.store.map(self.name, 0)[index]


@dataclass(frozen=True)
class Floats:
    """The values (C, \\*space) of a picture as an array of floats, read by windows."""

    picture: Picture

    @property
    def shape(self) -> tuple[int, ...]:
        """The number of channels, and the shape without them."""
        return (self.picture.channels, *self.picture.space)

    @property
    def dtype(self) -> np.dtype:
        """The type that is computed with."""
        return self.picture.dtype

    @property
    def array(self) -> Any:
        """The array that holds them."""
        return self.picture.array

    def __getitem__(self, index: tuple[Any, ...]) -> np.ndarray:
        return self.picture.read(index[1:])[index[0]]


@dataclass(frozen=True)
class Affine:
    """The array ``(array - shift) / divisor``, read by windows."""

    array: Any
    shift: float
    divisor: float
    dtype: np.dtype

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the image."""
        return tuple(map(int, self.array.shape))

    def __getitem__(self, window: Any) -> np.ndarray:
        values = np.asarray(self.array[window], np.float64)
        if self.shift != 0 or self.divisor != 1:
            values = (values - self.shift) / self.divisor
        return values.astype(self.dtype, copy=False)


def check_picture(image: Any, channel_axis: int | None, name: str = "image") -> Picture:
    """The picture of an image whose shape and dtype are allowed; else `InputError`. No pixel is
    read.
    """
    if isinstance(image, np.ma.MaskedArray):
        as_array(image, name)
    shape, dtype = getattr(image, "shape", None), _dtype_of(image)
    if shape is None or dtype is None or not hasattr(image, "__getitem__"):
        raise InputError(
            f"{name} of type {type(image).__name__} has no shape and dtype; allowed are arrays of "
            "NumPy, zarr or h5py, and memory maps"
        )
    sample = np.zeros([min(int(n), 1) for n in shape], dtype)
    prepare_image(sample, channel_axis, name)
    return Picture(image, channel_axis)


def _dtype_of(image: Any) -> np.dtype | None:
    try:
        return np.dtype(image.dtype)
    except (AttributeError, TypeError):  # such as a tensor
        return None


def check_out(out: Any, picture: Picture, lead: tuple[int, ...]) -> Any:
    """`check_array` for ``out`` of shape (\\*lead, \\*image)."""
    return check_array(out, (*lead, *picture.shape), picture.result_dtype, "out")


def check_array(out: Any, shape: tuple[int, ...], dtype: np.dtype, name: str) -> Any:
    """``out``, if it can be written and has this shape and dtype, else `InputError`; None: a new
    array.
    """
    if out is None:
        return np.zeros(shape, dtype)
    given = tuple(getattr(out, "shape", ())), _dtype_of(out)
    other = given[0] != shape or given[1] is None or given[1].newbyteorder("=") != dtype
    if other or not hasattr(out, "__setitem__"):
        raise InputError(
            f"{name} of type {type(out).__name__} with shape {given[0]} and dtype {given[1]}; "
            f"needed are shape {shape}, dtype {dtype} and assignment by slices"
        )
    if _is_read_only(out):
        raise InputError(f"{name} of type {type(out).__name__} is read-only; open it for writing")
    return out


def _is_read_only(array: Any) -> bool:
    """Whether an array of NumPy, zarr or h5py is known not to take values."""
    while isinstance(array, Part):
        array = array.array
    if isinstance(array, np.ndarray):
        return not array.flags.writeable
    mode = getattr(getattr(array, "file", None), "mode", None)
    return getattr(array, "read_only", False) is True or mode == "r"


def frame_reader(store: Workspace, name: str, tiling: Tiling, picture: Picture) -> Values:
    """The values of a frame in the workspace, by windows."""
    lead, dtype = (picture.channels,), picture.result_dtype
    return lambda window: read(store, name, tiling, window, lead, dtype)


def write_result(out: Any, lead: tuple[int, ...], picture: Picture, values: Values) -> None:
    """Write values (channels, \\*window) into ``out[lead]``, whole chunks at a time."""
    chunks = getattr(out, "shards", None) or getattr(out, "chunks", None) or out.shape
    chunks, axis = [int(n) for n in chunks[len(lead) :]], picture.axis
    if axis is not None:
        del chunks[axis]
    file = file_of(out) or "out"
    for window in _blocks(picture.space, chunks):
        part = values(window)
        with naming(file):
            out[(*lead, *picture.index(window))] = in_axes(part, axis)


def in_axes(part: np.ndarray, axis: int | None) -> np.ndarray:
    r"""Values (channels, \*window) in the caller's axes."""
    return part[0] if axis is None else np.moveaxis(part, 0, axis)


def _blocks(space: tuple[int, ...], chunks: list[int]) -> Iterator[Window]:
    """Windows that cover the grid: whole chunks, if these are not huge."""
    side = _BLOCK[len(space)]
    steps = [side if chunk > 2 * side else side // chunk * chunk or chunk for chunk in chunks]
    starts = [range(0, n, step) for n, step in zip(space, steps, strict=True)]
    for corner in product(*starts):
        yield tuple(slice(a, min(a + m, n)) for a, m, n in zip(corner, steps, space, strict=True))


def file_of(array: Any) -> Path | None:
    """The file or store that holds an array of NumPy, zarr or h5py, if that is known."""
    while isinstance(array, (Part, Floats)):
        array = array.array
    file = getattr(array, "filename", None)
    root = getattr(getattr(array, "store", None), "root", None)
    owner = getattr(getattr(array, "file", None), "filename", None)
    for place in (file, root, owner):
        if isinstance(place, (str, Path)) and Path(place).exists():
            return Path(place).absolute()
    return None


def folder_of(*arrays: Any) -> Path | None:
    """The folder of the first of these arrays that is known to be in a file."""
    return next((file.parent for file in map(file_of, arrays) if file is not None), None)
