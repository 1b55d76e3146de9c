"""The maps that ``steepest strain`` writes: where they come from, as pictures, and in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import steepest
from steepest.core.errors import InputError
from steepest.core.views import Part
from steepest.io.metadata import SYMBOLS
from steepest.io.stores import StoredImage, open_windows

from . import choices
from .extras import new_figure
from .runner import Item
from .sizes import Lengths, lengths_of

PLACES: dict[str, dict[tuple[int, ...], str]] = {
    "strain": {(0, 0): "strain_yy", (1, 1): "strain_xx", (0, 1): "strain_xy"},
    "displacement": {(0,): "displacement_y", (1,): "displacement_x"},
    "residual": {(): "residual"},
    "strain_std": dict.fromkeys(np.ndindex(2, 2), "strain_std"),
}  # attributes of `Displacement`, and where their components go; of several, the largest
MAPS = tuple(dict.fromkeys(name for places in PLACES.values() for name in places.values()))
_PICTURE = 1024  # pixels of a picture along its longer side
_ROWS = 512  # that are read at a time


@dataclass(frozen=True)
class Components:
    """An attribute of `Displacement`, as an array whose components are written into maps."""

    maps: Mapping[str, Any]
    places: dict[tuple[int, ...], str]
    shape: tuple[int, ...]
    dtype: np.dtype

    def __setitem__(self, index: tuple[Any, ...], values: np.ndarray) -> None:
        component, window = index[:-2], index[-2:]
        if component not in self.places:
            return
        name = self.places[component]
        values = np.where(np.isfinite(values), values, np.nan)
        if component != next(key for key, place in self.places.items() if place == name):
            values = np.maximum(self.maps[name][window], values)
        self.maps[name][window] = values


def components(
    maps: Mapping[str, Any], shape: tuple[int, ...], dtype: np.dtype
) -> dict[str, Components]:
    """Arrays for `Displacement`'s attributes that write into ``maps`` of images (H, W)."""
    return {
        name: Components(maps, places, (*(2,) * len(next(iter(places))), *shape), dtype)
        for name, places in PLACES.items()
    }


def maps_of(result: steepest.motion.Displacement) -> dict[str, np.ndarray]:
    """The maps of a result in memory."""
    shape, whole = result.residual.shape, (slice(None), slice(None))
    maps = {name: np.empty(shape, np.float32) for name in MAPS}
    for name, target in components(maps, shape, result.residual.dtype).items():
        for component in PLACES[name]:
            target[(*component, *whole)] = getattr(result, name)[component]
    return maps


def write_pictures(
    item: Item, maps: Mapping[str, Any], paths: Mapping[str, Path], lengths: Lengths
) -> None:
    """Write figures of the maps, with colour bars."""
    for name, array in maps.items():
        step = -(-max(array.shape) // _PICTURE)
        values = array[::step, ::step]
        unit = f" ({lengths.unit})" if name.startswith("displacement") else ""
        ratio = min(max(values.shape[0] / values.shape[1], 0.4), 2.0)
        figure = new_figure(figsize=(7.0, 7.0 * ratio))
        steepest.plot.scalar_map(
            values, pixel_size=lengths.pixel_size * step, unit=lengths.unit,
            title=name.replace("_", " ") + unit, ax=figure.add_subplot(),
        )  # fmt: skip
        item.write(paths[name].with_suffix(".png"), figure)


def report_strain(
    item: Item, all_maps: Sequence[Mapping[str, Any]], results: Sequence[Any]
) -> None:
    """Report mean, extremes and deviation of the strain of each image, and the largest gap."""
    rows = []
    for maps in all_maps:
        std = maps["strain_std"]
        step = -(-max(std.shape) // _PICTURE)
        usual = float(np.nanmedian(std[::step, ::step]))
        rows.append({k: {**_facts(maps[f"strain_{k}"]), "std": usual} for k in ("yy", "xx", "xy")})
    words = ", ".join(f"{k} {v['mean']:.2g} (to {v['largest']:.2g})" for k, v in rows[-1].items())
    item.report("strain", f"mean {words}", strain=rows)
    item.report("deviation", f"{usual:.1g} of strain, at the median pixel")

    def gaps(_: Any) -> Any:
        worst = max(result.gaps[-1] for result in results)
        return f"relative gap {worst:.1e} of the last warp", {"gap": worst}

    item.certify(results, gaps)


def _facts(array: Any) -> dict[str, float]:
    """Mean, least and largest value, read some rows at a time."""
    height, width = array.shape
    parts = [
        (float(rows.sum(dtype=float)), float(rows.min()), float(rows.max()))
        for rows in (array[a : min(a + _ROWS, height), 0:width] for a in range(0, height, _ROWS))
    ]
    sums, least, largest = zip(*parts, strict=True)
    return {"mean": sum(sums) / (height * width), "least": min(least), "largest": max(largest)}


@dataclass(frozen=True)
class _Known:
    """Where an image that is read by windows is not black."""

    array: Any
    dtype = np.dtype(bool)

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.array.shape)

    def __getitem__(self, window: Any) -> np.ndarray:
        return np.asarray(self.array[window]) > 0


def strain_by_tiles(
    item: Item,
    images: Sequence[str],
    mask: str | None,
    pixel_size: str | None,
    options: dict[str, Any],
    solver: choices.SolverChoice,
    tiles: choices.TilesChoice,
) -> tuple[dict[str, Part], list[Any], Lengths]:
    """Compute the maps into ``item.files``; the maps, the results, and the pixel size."""

    def other(name: str) -> Part:
        return _plane(item.resources.enter_context(open_windows(name)))

    first = item.read(choices.FileReading())
    _plane(first)
    moved, lengths = other(images[1]), _lengths(item, first, pixel_size)
    options = {**options, "spacing": lengths.steps(2)}
    if mask is not None:
        options["weights"] = _Known(other(mask))

    def compute(page: Any, keywords: dict[str, Any]) -> Any:
        maps = dict(zip(MAPS, keywords.pop("out"), strict=True))
        double = np.float64 in (page.dtype, moved.dtype)
        out = components(maps, page.shape, np.dtype(np.float64 if double else np.float32))
        return steepest.motion.displacement(page, moved, out=out, **options, **keywords)

    results = item.solve(first, compute, solver, tiles=tiles, names=MAPS, kind="bands")
    assert item.stores is not None
    stored = zip(MAPS, item.stores.stores, strict=True)
    return {name: _plane(each) for name, each in stored}, results, lengths


def _lengths(item: Item, image: StoredImage, pixel_size: str | None) -> Lengths:
    if pixel_size is not None or image.pixel_size is None:
        return lengths_of(item, image, pixel_size or "1px", choices.Spacing())
    unit, sizes = SYMBOLS.get(image.units[-1] or "", "px"), image.pixel_size
    found = Lengths(tuple(size / sizes[-1] for size in sizes), sizes[-1], unit)
    found.report(item)
    return found


def _plane(image: StoredImage) -> Part:
    """The only page of a grey image; `InputError` if there are several, or channels."""
    sizes = zip(image.axes, image.array.shape, strict=True)
    if image.axes[-2:] != "yx" or any(n > 1 for axis, n in sizes if axis not in "yx"):
        raise InputError(
            f"{image.name}: axes {image.axes} of shape {tuple(image.array.shape)}; one grey image "
            "is needed"
        )
    return Part(image.array, (*(0,) * (len(image.axes) - 2), None, None))
