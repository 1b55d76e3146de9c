"""What ``steepest segment`` writes and reports."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

import steepest
from steepest.core.errors import InputError
from steepest.io import Image

from .runner import Item
from .sizes import Lengths

_SIZES = ("", "length", "area", "volume")
_POWERS = ("", "", "\u00b2", "\u00b3")


def report_classes(
    item: Item, page: Any, areas: Sequence[Sequence[float]], unit: str, where: str = ""
) -> None:
    """Report the thresholds, the values, and the areas with the range of the exact ones."""
    if page.thresholds.size and page.values.ndim == 1:
        levels = ", ".join(f"{level:.4g}" for level in page.thresholds)
        item.lines.append(("thresholds", levels + where))
    for k, row in enumerate(areas):
        own, least, most = (f"{n:.6g}" if isinstance(n, float) else str(n) for n in row)
        value = ", ".join(f"{each:.4g}" for each in np.atleast_1d(page.values[k]))
        between = "" if least == most else f", between {least} and {most}"
        item.lines.append((f"class {k}", f"value {value}, {unit.format(own)}{between}{where}"))


def report_tiles(item: Item, results: Sequence[Any]) -> None:
    """Report the classes of images computed by tiles."""
    for number, result in enumerate(results, 1):
        where = f" (image {number})" if len(results) > 1 else ""
        report_classes(item, result, result.areas.tolist(), "{} pixels", where)
    for name in ("thresholds", "values", "areas"):
        item.values[name] = [getattr(result, name) for result in results]


@dataclass(frozen=True)
class Labels:
    """The segmentations of all pages of an image, and their objects."""

    image: Image
    lengths: Lengths
    pages: Sequence[Any]
    background: int

    @cached_property
    def regions(self) -> list[Any]:
        """The objects of each page."""
        from steepest.segmentation import regions

        size = self.lengths.pixel_size
        return [regions(page, pixel_size=size, background=self.background) for page in self.pages]

    def write(self, item: Item, *, objects: bool) -> None:
        """Write all files; ``objects``: number the objects instead of the classes."""
        parts = [page.labels for page in self.pages]
        if objects:
            most = max(int(each.labels.max()) for each in self.regions)
            if most > np.iinfo(np.uint16).max:
                raise InputError(f"{self.image.name}: {most} objects; files hold up to 65535")
            parts = [each.labels.astype(np.uint16) for each in self.regions]
        item.write(item.files["labels"], self.image.of_numbers(parts))
        if "doubt" in item.files:
            doubt = [np.where(page.certain, 0, 255).astype(np.uint8) for page in self.pages]
            item.write(item.files["doubt"], self.image.of_numbers(doubt))
        if "areas" in item.files:
            item.write(item.files["areas"], self._table())
        if "overlay" in item.files:
            first, note = self.pages[0], "page 1" if len(self.pages) > 1 else ""
            figure = steepest.plot.label_overlay(
                self.image.parts[0], first.labels, first.certain,
                channel_axis=self.image.channel_axis, note=note,
                title=f"{item.source.stem}: classes by brightness",
            )  # fmt: skip
            item.write(item.files["overlay"], figure)

    def _table(self) -> list[list[Any]]:
        """The objects of all pages as rows."""
        size, unit = _SIZES[len(self.image.space)], self.lengths.unit.replace("\u00b5", "u")
        sizes, place = [size, f"{size}_certain", f"{size}_possible"], self.image.space.lower()
        rows: list[list[Any]] = [["page", "object", "class", *sizes, "border", *place, "unit"]]
        for page, found in enumerate(self.regions, 1):
            for row in found.table:
                areas = [f"{row[name]:.6g}" for name in ("area", "area_certain", "area_possible")]
                centre = [f"{at:.3f}" for at in row["centroid"]]
                own = [page, row["label"], row["class"], *areas, int(row["border"])]
                rows.append([*own, *centre, unit])
        return rows

    def report(self, item: Item) -> None:
        """Report the values and the areas of the classes, and the number of objects."""
        page, ndim = self.pages[0], len(self.image.space)
        pixel = math.prod(h * self.lengths.pixel_size for h in page.spacing)
        areas = (pixel * page.areas).tolist()
        unit = f"{_SIZES[ndim]} {{}} {self.lengths.unit}{_POWERS[ndim]}"
        report_classes(item, page, areas, unit, " (page 1)" if len(self.pages) > 1 else "")
        objects = [len(each.table) for each in self.regions]
        item.lines.append(("objects", ", ".join(map(str, objects[:12]))))
        item.values.update(
            thresholds=[p.thresholds for p in self.pages], values=[p.values for p in self.pages],
            areas=areas, objects=objects,
        )  # fmt: skip
