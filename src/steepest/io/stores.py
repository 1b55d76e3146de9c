"""Open images that are read by windows: OME-Zarr 0.4 and 0.5, arrays of Zarr, and TIFF files."""

import math
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from steepest.core.errors import InputError
from steepest.core.lazy import import_extra
from steepest.core.views import Part

from . import tiff
from .files import decoding
from .image import DTYPES
from .metadata import UNITS, Metadata
from .paths import check_path
from .tiff_checks import check_pages
from .tiff_metadata import read_metadata

AXIS_TYPES = {"t": "time", "c": "channel", "z": "space", "y": "space", "x": "space"}
_SAFE = {
    *("bytes", "endian", "transpose", "sharding_indexed", "crc32c", "gzip", "zstd", "blosc"),
    *("zlib", "bz2", "lzma", "lz4", "shuffle", "delta", "bitround", "fletcher32", "adler32"),
}  # codecs that execute nothing: "pickle" would
_LARGEST_CHUNK = 1 << 30  # bytes
_MOST_PIXELS = 1 << 44  # of a TIFF file that is read by windows


@dataclass(frozen=True, eq=False)
class StoredImage:
    """An image in a Zarr store, or another array that is read by windows.

    ``axes`` are letters of "tczyx", one for each axis of ``array``. ``scale`` and ``translation``
    are the size of a pixel and the place of the first one, in ``units``. ``version`` is that of
    OME-Zarr, or "" for a plain array. ``extra`` is other metadata of the image, ``levels`` are the
    arrays of all levels, largest first, and ``made`` is what steepest noted about its own result.
    """

    array: Any
    axes: str
    scale: tuple[float, ...]
    translation: tuple[float, ...]
    units: tuple[str | None, ...]
    name: str = "image"
    version: str = ""
    extra: dict[str, Any] = field(default_factory=dict)
    levels: tuple[Any, ...] = ()
    made: dict[str, Any] = field(default_factory=dict)

    @property
    def space(self) -> str:
        """The axes in space with more than one pixel."""
        sizes = zip(self.axes, self.array.shape, strict=True)
        return "".join(a for a, n in sizes if a in "zyx" and n > 1) or "x"

    @property
    def pixel_size(self) -> tuple[float, ...] | None:
        """The size of a pixel along `space`; None if it is unknown."""
        if not self.version and not any(self.units):
            return None
        return tuple(self.scale[self.axes.index(axis)] for axis in self.space)


def is_store(path: str | os.PathLike[str]) -> bool:
    """Whether a path is that of a Zarr store, or of an array or group within one."""
    folder = Path(check_path(path))
    marks = ("zarr.json", ".zgroup", ".zarray")
    return folder.is_dir() and any((folder / mark).is_file() for mark in marks)


def open_store(path: str | os.PathLike[str]) -> StoredImage:
    """Open the image of a Zarr store, at full resolution. No pixel is read.

    ``path`` is the folder of an OME-Zarr image or of an array of Zarr.

    Raises
    ------
    InputError
        If zarr is not installed, if there is no image, or if the image has axes, a type, chunks or
        codecs that are not supported.
    """
    name, zarr = check_path(path), import_zarr()
    if not is_store(path):
        raise InputError(f"{name}: is not a Zarr store")
    with decoding(name):
        node = zarr.open(name, mode="r")
        return _image(node, name) if isinstance(node, zarr.Group) else _plain(node, name)


def import_zarr() -> Any:
    """The package zarr, imported on first use."""
    return import_extra("zarr", "Zarr stores need", "'steepest[zarr]'")


def _plain(array: Any, name: str) -> StoredImage:
    ndim = len(array.shape)
    names = getattr(array.metadata, "dimension_names", None) or ()
    axes = "".join(str(each).lower() for each in names)
    if len(axes) != ndim or not set(axes) <= set(AXIS_TYPES) or len(set(axes)) < ndim:
        axes = "tczyx"[-ndim:] if ndim in (1, 2, 5) else {3: "zyx", 4: "czyx"}.get(ndim, "")
    if not axes:
        raise InputError(f"{name}: shape {array.shape} has {ndim} axes; allowed are 1 to 5")
    _check_array(array, name)
    return replace(_without_units(array, axes, name), levels=(array,))


def _without_units(array: Any, axes: str, name: str) -> StoredImage:
    """An array of which only the axes are known; they are brought into the order of OME-Zarr."""
    order = tuple(sorted(range(len(axes)), key=lambda k: "tczyx".index(axes[k])))
    if order != tuple(range(len(axes))):
        array = Part(array, (None,) * len(axes), order)
        axes = "".join(axes[k] for k in order)
    ndim = len(axes)
    return StoredImage(array, axes, (1.0,) * ndim, (0.0,) * ndim, (None,) * ndim, Path(name).stem)


def _image(group: Any, name: str) -> StoredImage:
    """The first multiscale image of a group."""
    attributes = dict(group.attrs)
    ome = attributes.get("ome", attributes)
    if not isinstance(ome, dict) or not ome.get("multiscales"):
        inner = sorted(key for key, _ in group.members())[:3]
        hint = f" (in it are {', '.join(inner)})" if inner else ""
        raise InputError(f"{name}: holds no OME-Zarr image; give the path of an image{hint}")
    scales = ome["multiscales"][0]
    version = str(ome.get("version") or scales.get("version") or "0.4")
    paths = [str(each["path"]) for each in scales["datasets"]]
    for path in paths:
        if ".." in Path(path).parts or Path(path).is_absolute():
            raise InputError(f"{name}: the path {path!r} of the image leads out of the store")
    dataset, array = scales["datasets"][0], group[paths[0]]
    _check_array(array, name)
    given = [each if isinstance(each, dict) else {"name": each} for each in scales["axes"]]
    axes = "".join(str(each["name"]).lower() for each in given)
    ndim = len(array.shape)
    if len(given) != ndim or len(axes) != ndim or not set(axes) <= set(AXIS_TYPES):
        raise InputError(f"{name}: axes {axes!r} of shape {array.shape}; allowed are t, c, z, y, x")
    if axes != "".join(sorted(set(axes), key="tczyx".index)):
        raise InputError(f"{name}: axes in the order {axes!r}; allowed is the order t, c, z, y, x")
    scale, shift = _transform(dataset, ndim, name)
    outer, outer_shift = _transform(scales, ndim, name)
    kept = {key: ome[key] for key in ("omero",) if key in ome}
    return StoredImage(
        array,
        axes,
        tuple(a * b for a, b in zip(scale, outer, strict=True)),
        tuple(a * b + c for a, b, c in zip(shift, outer, outer_shift, strict=True)),
        tuple(str(each["unit"]) if each.get("unit") else None for each in given),
        str(scales.get("name") or Path(name).stem),
        version,
        kept,
        (array, *(group[path] for path in paths[1:] if path in group)),
        dict(attributes.get("steepest", {})),
    )


def _transform(holder: Any, ndim: int, name: str) -> tuple[list[float], list[float]]:
    """Scale and translation of a dataset, or of a whole multiscale image."""
    scale, shift = [1.0] * ndim, [0.0] * ndim
    for each in holder.get("coordinateTransformations") or []:
        if each["type"] == "scale":
            scale = [float(value) for value in each["scale"]]
        elif each["type"] == "translation":
            shift = [float(value) for value in each["translation"]]
    fine = all(0 < s < math.inf for s in scale) and all(map(math.isfinite, shift))
    if len(scale) != ndim or len(shift) != ndim or not fine:
        raise InputError(f"{name}: scale {scale} and translation {shift} for {ndim} axes")
    return scale, shift


def _check_array(array: Any, name: str) -> None:
    """Refuse what cannot be computed, is too large to be read by chunks, or may execute code."""
    dtype = np.dtype(array.dtype)
    if dtype.name not in DTYPES:
        raise InputError(f"{name}: holds {dtype} values; allowed are {', '.join(DTYPES)}")
    if 0 in array.shape:
        raise InputError(f"{name}: shape {array.shape} has no pixels")
    size = math.prod(getattr(array, "chunks", ())) * dtype.itemsize
    if size > _LARGEST_CHUNK:
        raise InputError(f"{name}: chunks of {size} bytes; allowed are {_LARGEST_CHUNK}")
    metadata = array.metadata.to_dict() if hasattr(array, "metadata") else {}
    unknown = sorted(set(_codecs(metadata)) - _SAFE)
    if unknown:
        raise InputError(f"{name}: codec {unknown[0]!r}; allowed are {', '.join(sorted(_SAFE))}")


def _codecs(metadata: Mapping[str, Any]) -> Iterator[str]:
    """The names of all codecs of an array, of Zarr 2 or 3."""
    nested = [*(metadata.get("codecs") or ()), *(metadata.get("index_codecs") or ())]
    for each in [*nested, *(metadata.get("filters") or ()), metadata.get("compressor")]:
        if isinstance(each, Mapping):
            yield str(each.get("name") or each.get("id")).removeprefix("numcodecs.")
            inner = each.get("configuration")
            if isinstance(inner, Mapping):
                yield from _codecs(inner)
        elif each is not None:  # an object, of older Zarr
            yield str(getattr(each, "codec_id", each))


@contextmanager
def open_windows(path: str | os.PathLike[str]) -> Iterator[StoredImage]:
    """An image that is read by windows: that of a Zarr store, or the first of a TIFF file."""
    if is_store(path):
        yield open_store(path)
        return
    zarr, name = import_zarr(), check_path(path)
    with ExitStack() as stack:
        with decoding(name):
            file = stack.enter_context(open(name, "rb"))
            if file.read(4) not in tiff.MAGIC:
                raise InputError(f"{name}: only Zarr stores and TIFF files are computed by tiles")
            tif = stack.enter_context(tiff.open_tiff(file, name, _MOST_PIXELS))
            series, metadata = tif.series[0], read_metadata(tif, tif.pages[0])
            check_pages(series, tif, name)
            if metadata.orientation > 1:
                raise InputError(f"{name}: is stored on its side; by tiles it must be upright")
            if series.dataoffset is not None:
                dtype = np.dtype(series.dtype).newbyteorder(tif.byteorder)
                array: Any = np.memmap(file, dtype, "r", series.dataoffset, series.shape)
            else:
                array = zarr.open(series.aszarr(level=0), mode="r")
            _check_array(array, name)
        axes = series.axes.translate(str.maketrans("SIQTCZYX", "czztczyx"))
        if len(set(axes)) < len(axes) or not set(axes) <= set(AXIS_TYPES):
            raise InputError(f"{name}: axes {series.axes}; allowed are T, C, Z, Y, X and S")
        yield _with_sizes(_without_units(array, axes, name), metadata)


def _with_sizes(image: StoredImage, metadata: Metadata) -> StoredImage:
    """The image with the pixel sizes of its TIFF file, if they have a unit of OME-Zarr."""
    sizes, unit = metadata.lengths("ZYX")
    if sizes is None or unit not in UNITS:
        return image
    unit = UNITS[unit][1]
    known = {axis: size for axis, size in zip("zyx", sizes, strict=True) if size}
    return replace(
        image,
        scale=tuple(known.get(axis, 1.0) for axis in image.axes),
        units=tuple(unit if axis in known else None for axis in image.axes),
    )
