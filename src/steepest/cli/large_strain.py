"""``steepest strain`` for two images larger than memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import steepest
from steepest.core.errors import InputError
from steepest.core.views import Part
from steepest.io.metadata import UNITS
from steepest.io.stores import StoredImage, open_windows

from . import choices
from .runner import Item
from .sizes import Lengths, PixelSize, lengths_of
from .sources import Source
from .strain_maps import MAPS, Row, map_picture, report_strain

_PICTURE = 1024  # pixels of a picture along its longer side
_ROWS = 512  # that are read at a time
_PLACES: dict[str, dict[tuple[int, ...], str]] = {
    "strain": {(0, 0): "strain_yy", (1, 1): "strain_xx", (0, 1): "strain_xy"},
    "displacement": {(0,): "displacement_y", (1,): "displacement_x"},
    "residual": {(): "residual"},
    "strain_std": dict.fromkeys(np.ndindex(2, 2), "strain_std"),
}  # attributes of `Displacement`, and where their components go; of several, the largest


@dataclass(frozen=True)
class _Maps:
    """An attribute of `Displacement` that is written into stores."""

    frames: Any
    places: dict[tuple[int, ...], str]
    shape: tuple[int, ...]
    dtype: np.dtype

    def __setitem__(self, index: tuple[Any, ...], values: np.ndarray) -> None:
        component, window = index[:-2], index[-2:]
        name = self.places.get(component)
        if name is None:
            return
        part = self.frames[MAPS.index(name)]
        values = np.where(np.isfinite(values), values, np.nan)
        if component != next(iter(self.places)) and name == "strain_std":
            values = np.maximum(part[window], values)
        part[window] = values


@dataclass(frozen=True)
class _Known:
    """Where an image that is read by windows is not black."""

    array: Any

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.array.shape)

    @property
    def dtype(self) -> np.dtype:
        return np.dtype(bool)

    def __getitem__(self, window: Any) -> np.ndarray:
        return np.asarray(self.array[window]) > 0


@dataclass(frozen=True)
class LargeStrain:
    """The options of the command."""

    images: Sequence[str]
    measure: str
    max_shift: float
    load: str | None
    mask: str | None
    pixel_size: PixelSize
    solver: choices.SolverChoice
    tiles: choices.TilesChoice

    def __post_init__(self) -> None:
        if len(self.images) != 2:
            raise InputError(f"{len(self.images)} images; two are compared tile by tile")

    @property
    def source(self) -> Source:
        """The first image."""
        return Source(self.images[0], large=True)

    def files(self, output: str | None, source: Source) -> dict[str, Path]:
        """The stores that are written."""
        folder = source.folder(output, "strain", own=False)
        return {name: folder / f"{name}.zarr" for name in MAPS}

    def work(self, item: Item) -> None:
        """Compute and write the maps."""
        first = item.read(choices.FileReading())
        second = item.resources.enter_context(open_windows(self.images[1]))
        moved, lengths = _plane(second), self._lengths(item, first)
        options: dict[str, Any] = {"spacing": lengths.steps(2)}
        if self.mask is not None:
            options["weights"] = _Known(
                _plane(item.resources.enter_context(open_windows(self.mask)))
            )
        if self.load is not None:
            options["load_axis"] = "yx".index(self.load)
        _plane(first)

        def compute(page: Any, keywords: dict[str, Any]) -> Any:
            frames = keywords.pop("out")
            dtype = np.result_type(
                *(np.float64 if each.dtype == np.float64 else np.float32 for each in (page, moved))
            )
            out = {
                name: _Maps(frames, places, (*(2,) * len(next(iter(places))), *page.shape), dtype)
                for name, places in _PLACES.items()
            }
            return steepest.motion.displacement(
                page, moved, measure=self.measure, max_shift=self.max_shift, out=out, **options,
                **keywords,
            )  # fmt: skip

        results = item.solve(
            first, compute, self.solver, tiles=self.tiles, names=MAPS, kind="bands"
        )
        assert item.stores is not None
        maps = {
            name: _plane(store) for name, store in zip(MAPS, item.stores.stores.stores, strict=True)
        }
        for name, array in maps.items():
            step = -(-max(array.shape) // _PICTURE)
            seen = Lengths(lengths.spacing, lengths.pixel_size * step, lengths.unit)
            path = item.files[name].with_suffix(".png")
            item.write(path, map_picture(name, array[::step, ::step], seen))
            item.written.append(path)
        step = -(-max(maps["strain_std"].shape) // _PICTURE)
        usual = float(np.nanmedian(maps["strain_std"][::step, ::step]))
        row: Row = {k: {**_facts(maps[f"strain_{k}"]), "std": usual} for k in ("yy", "xx", "xy")}
        report_strain(item, [row], results)

    def _lengths(self, item: Item, image: StoredImage) -> Lengths:
        if self.pixel_size is None and image.pixel_size is not None:
            unit = next((u for u, (_, name) in UNITS.items() if name == image.units[-1]), "px")
            sizes = image.pixel_size
            found = Lengths(tuple(size / sizes[-1] for size in sizes), sizes[-1], unit)
            found.report(item)
            return found
        return lengths_of(item, image, self.pixel_size or "1px", choices.Spacing())


def _plane(image: StoredImage) -> Part:
    """The only page of a grey image.

    Raises `InputError` if there are several, or channels.
    """
    sizes = zip(image.axes, image.array.shape, strict=True)
    if image.axes[-2:] != "yx" or any(n > 1 for axis, n in sizes if axis not in "yx"):
        raise InputError(
            f"{image.name}: axes {image.axes} of shape {tuple(image.array.shape)}; one grey image "
            "is needed"
        )
    return Part(image.array, (*(0,) * (len(image.axes) - 2), None, None))


def _facts(array: Part) -> dict[str, float]:
    """Mean, least and largest value, read some rows at a time."""
    height, width = array.shape
    parts = [
        (float(rows.sum(dtype=float)), float(rows.min()), float(rows.max()))
        for rows in (array[a : min(a + _ROWS, height), 0:width] for a in range(0, height, _ROWS))
    ]
    sums, least, largest = zip(*parts, strict=True)
    return {"mean": sum(sums) / (height * width), "least": min(least), "largest": max(largest)}
