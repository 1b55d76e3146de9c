"""Write images that are read by windows: as OME-Zarr with a pyramid, or as tiled TIFF files."""

import math
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import tifffile

from steepest.core.errors import InputError, naming

from .metadata import SYMBOLS
from .paths import check_path
from .stores import AXIS_TYPES, StoredImage, import_zarr, is_store

_CHUNK = 512  # pixels along y and x, if the source has no chunks of its own
_SMALLEST = 512  # pixels of the last level of a pyramid
_BLOCK = 2048  # pixels that are averaged at a time
_TILE = 256  # pixels of a TIFF tile along y and x


@contextmanager
def create_store(
    path: str | os.PathLike[str],
    like: StoredImage,
    *,
    overwrite: bool = False,
    labels: bool = False,
) -> Iterator[StoredImage]:
    """Create an OME-Zarr image of the shape and type of another one, with a pyramid.

    The image has the version of ``like``, or 0.5. Level 0 is filled within the ``with`` block.
    At its end, the other levels are written, and the store is given its name. If an exception is
    raised, it is removed. What is put into ``extra`` becomes attributes. With ``labels``, the image
    is of uint8, and the other levels hold every second pixel, not means.

    Raises
    ------
    InputError
        If ``path`` exists, unless it is a Zarr store and ``overwrite`` is True.
    """
    target, zarr = check_new_store(path, overwrite), import_zarr()
    temporary = target.with_name(f".{target.name}.{os.getpid()}.part")
    aside = _aside(target)
    _discard(aside, temporary)
    _remove_leftovers(target)
    old = like.version.startswith("0.4")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        group = zarr.open_group(str(temporary), mode="w", zarr_format=2 if old else 3)
        dtype = np.dtype(np.uint8 if labels else like.array.dtype).newbyteorder("=")
        levels = [_create(group, 0, like, like.array.shape, dtype)]
        attributes: dict[str, Any] = {}
        yield replace(like, array=levels[0], extra=attributes)
        with naming(target):
            while max(levels[-1].shape[-2:]) > _SMALLEST and len(like.axes) > 1:
                *lead, y, x = levels[-1].shape
                half = (*lead, -(-y // 2), -(-x // 2))
                levels.append(_create(group, len(levels), like, half, dtype))
                _halve(levels[-2], levels[-1], labels)
            group.attrs.update({**_multiscales(like, len(levels), old, labels), **attributes})
            if overwrite and target.exists():
                os.replace(target, aside)
            os.replace(temporary, target)
        _discard(aside, temporary)
    finally:
        _put_back(target)
        shutil.rmtree(temporary, ignore_errors=True)


def _remove_leftovers(target: Path) -> None:
    """Delete what processes that were killed have left of stores of this name."""
    for path in target.parent.glob(f".{target.name}.*.part"):
        number = path.name.split(".")[-2]
        if sys.platform == "win32" or not number.isdigit():
            continue
        try:
            os.kill(int(number), 0)
        except (ProcessLookupError, OverflowError):
            shutil.rmtree(path, ignore_errors=True)
        except PermissionError:
            pass


def _aside(target: Path) -> Path:
    """Where a store is for the moment at which another one gets its name."""
    return target.with_name(f".{target.name}.old")


def _discard(aside: Path, temporary: Path) -> None:
    """Delete a store that was set aside, under another name: half of it must not be put back."""
    shutil.rmtree(temporary, ignore_errors=True)
    if aside.exists():
        os.replace(aside, temporary)
        shutil.rmtree(temporary, ignore_errors=True)


def _put_back(target: Path) -> None:
    """Give a store its name back if its replacement was interrupted at that moment."""
    aside = _aside(target)
    if aside.exists() and not target.exists():
        os.replace(aside, target)


def check_new_store(path: str | os.PathLike[str], overwrite: bool) -> Path:
    """Check that a Zarr store may be created here, or replaced."""
    target = Path(check_path(path))
    if target.suffix != ".zarr":
        raise InputError(f"{target}: allowed are names ending in .zarr")
    if target.is_symlink():
        target = target.resolve()
    _put_back(target)
    if target.exists():
        if not overwrite:
            raise InputError(f"{target}: exists already (replace it with --overwrite)")
        if not is_store(target):
            raise InputError(f"{target}: is not a Zarr store, and is not replaced")
    return target


def _create(
    group: Any, level: int, like: StoredImage, shape: Sequence[int], dtype: np.dtype
) -> Any:
    """An empty level of this shape, in chunks like those of the source."""
    chunks = [_CHUNK if axis in "yx" else 1 for axis in like.axes]
    own = getattr(like.array, "chunks", None)
    if own and like.version and math.prod(own) <= 1 << 24:
        chunks = [int(c) for c in own]
    old = group.metadata.zarr_format == 2
    return group.create_array(
        str(level),
        shape=shape,
        chunks=[min(c, n) for c, n in zip(chunks, shape, strict=True)],
        dtype=dtype,
        dimension_names=None if old else list(like.axes),
        chunk_key_encoding={"name": "v2", "separator": "/"} if old else None,
    )


def _halve(fine: Any, coarse: Any, labels: bool) -> None:
    """Write means over 2 x 2 pixels of the last two axes, or the first of them as their label."""
    steps = [max(_BLOCK // chunk, 1) * chunk for chunk in coarse.chunks[-2:]]
    lead = [range(n) for n in coarse.shape[:-2]]
    starts = [range(0, n, step) for n, step in zip(coarse.shape[-2:], steps, strict=True)]
    for *first, y, x in product(*lead, *starts):
        place = slice(y, y + steps[0]), slice(x, x + steps[1])
        twice = (slice(2 * each.start, 2 * each.stop) for each in place)
        part = np.asarray(fine[(*first, *twice)])
        if labels:
            coarse[(*first, *place)] = part[::2, ::2]
            continue
        wide = np.pad(part, [(0, n % 2) for n in part.shape], "edge").astype(np.float64)
        means = wide.reshape(wide.shape[0] // 2, 2, wide.shape[1] // 2, 2).mean((1, 3))
        values = np.rint(means) if part.dtype.kind == "u" else means
        coarse[(*first, *place)] = values.astype(part.dtype)


def _multiscales(like: StoredImage, levels: int, old: bool, labels: bool) -> dict[str, Any]:
    """The metadata of OME-Zarr. A mean over two pixels lies half a pixel further."""
    kind, move = ("nearest", 0.0) if labels else ("mean", 0.5)
    axes = [
        {"name": axis, "type": AXIS_TYPES[axis], **({"unit": unit} if unit else {})}
        for axis, unit in zip(like.axes, like.units, strict=True)
    ]
    datasets = []
    for level in range(levels):
        factors = [2.0**level if axis in "yx" else 1.0 for axis in like.axes]
        scale = [s * f for s, f in zip(like.scale, factors, strict=True)]
        moved = zip(like.translation, factors, like.scale, strict=True)
        shift = [t + (f - 1) * move * s for t, f, s in moved]
        moves = [{"type": "scale", "scale": scale}, {"type": "translation", "translation": shift}]
        datasets.append({"path": str(level), "coordinateTransformations": moves})
    image: dict[str, Any] = {"name": like.name, "axes": axes, "datasets": datasets, "type": kind}
    if old:
        return {"multiscales": [{"version": "0.4", **image}], **like.extra}
    return {"ome": {"version": "0.5", "multiscales": [image], **like.extra}}


def write_tiles(file: BinaryIO, image: StoredImage) -> None:
    """Write a tiled BigTIFF file with pixel sizes, with a row of tiles in memory at a time."""
    axes, metadata = image.axes.upper(), dict[str, Any]()
    for axis, size, unit in zip(axes, image.scale, image.units, strict=True):
        if unit in SYMBOLS and axis in "XYZ":
            metadata |= {f"PhysicalSize{axis}": size, f"PhysicalSize{axis}Unit": SYMBOLS[unit]}
    with tifffile.TiffWriter(file, bigtiff=True, ome=True) as writer:
        writer.write(
            _tiles(image.array), shape=image.array.shape, dtype=image.array.dtype,
            tile=(_TILE, _TILE), photometric="minisblack", metadata={"axes": axes, **metadata},
        )  # fmt: skip


def _tiles(array: Any) -> Iterator[np.ndarray]:
    """The tiles of all planes, row by row, filled up with zeros at the edges."""
    height, width = array.shape[-2:]
    for place in product(*map(range, array.shape[:-2])):
        for y in range(0, height, _TILE):
            rows = np.asarray(array[(*place, slice(y, y + _TILE))])
            more = (-rows.shape[0] % _TILE, -width % _TILE)
            rows = np.pad(rows, [(0, n) for n in more])
            yield from np.split(rows, rows.shape[1] // _TILE, axis=1)
