"""Write an image that is read by windows as a tiled BigTIFF file with OME metadata."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any, BinaryIO

import numpy as np
import tifffile

from .metadata import UNITS
from .stores import StoredImage

_TILE = 256  # pixels along y and x
_ABBREVIATED = {"micrometer": "µm"} | {
    name: unit for unit, (_, name) in UNITS.items() if unit in ("mm", "cm", "m", "nm", "pm")
}


def write_tiles(file: BinaryIO, image: StoredImage) -> None:
    """Write the pixels, with the pixel sizes if their unit is known; no more than rows of tiles
    are in memory at a time."""
    axes, metadata = image.axes.upper(), dict[str, Any]()
    for axis, size, unit in zip(axes, image.scale, image.units, strict=True):
        if unit in _ABBREVIATED and axis in "XYZ":
            metadata |= {f"PhysicalSize{axis}": size, f"PhysicalSize{axis}Unit": _ABBREVIATED[unit]}
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
