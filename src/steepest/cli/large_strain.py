"""The maps of ``steepest strain`` for two images larger than memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import steepest
from steepest.core.errors import InputError
from steepest.core.views import Part
from steepest.io.metadata import SYMBOLS
from steepest.io.stores import StoredImage, open_windows

from . import choices
from .runner import Item
from .sizes import Lengths, lengths_of
from .strain_maps import MAPS, components


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
