"""Lengths in pixels or in physical units, for the commands that measure sizes."""

import re
from dataclasses import dataclass
from typing import Annotated, Any

from cyclopts import Parameter

from steepest.core.errors import InputError
from steepest.io import Image
from steepest.io.metadata import symbol

from .choices import Spacing
from .runner import Item
from .types import positive

_SIZES = re.compile(r"([^A-Za-z\u00b5\u03bc]+)([A-Za-z\u00b5\u03bc]*)")
PixelSize = Annotated[
    str | None,
    Parameter(
        metavar="SIZE",
        help="size of a pixel in micrometres, or with a unit: 0.25, 4nm, or one for each axis, "
        "0.75,0.25,0.25 (default: that of the file, if it has one; else sizes are in pixels)",
    ),
]


@dataclass(frozen=True)
class Lengths:
    """The pixel spacing, relative to the last axis, where it is ``pixel_size`` in ``unit``."""

    spacing: tuple[float, ...] | None
    pixel_size: float
    unit: str

    def steps(self, ndim: int) -> tuple[float, ...]:
        """The pixel spacing along each axis, in ``unit``."""
        return tuple(self.pixel_size * each for each in self.spacing or (1.0,) * ndim)

    def keywords(self, image: Image) -> dict[str, Any]:
        return {"spacing": self.spacing}

    def report(self, item: Item) -> None:
        """Report the pixel size."""
        if self.unit != "px":
            sizes = [step * self.pixel_size for step in self.spacing or ()]
            item.report("pixel size", f"{' x '.join(f'{size:.4g}' for size in sizes)} {self.unit}")
        item.values["unit"] = self.unit


def lengths_of(item: Item, image: Any, pixel_size: str | None, choice: Spacing) -> Lengths:
    """Determine and report the pixel size; resolutions in inches are those of printed images."""
    lengths = _lengths(image, pixel_size, choice)
    lengths.report(item)
    return lengths


def _lengths(image: Any, pixel_size: str | None, choice: Spacing) -> Lengths:
    spacing = choice.along(image)
    if pixel_size is not None:
        if choice.spacing is not None:
            raise InputError("--pixel-size: cannot be combined with --spacing, which it includes")
        sizes, unit = _parse(pixel_size, len(image.space))
    else:
        known, unit = image.metadata.lengths(image.space)
        none = unit in ("", "inch", "in", "pixel", "pixels")
        if known is None or None in known or none or choice.spacing not in (None, "file"):
            return Lengths(spacing, 1.0, "px")
        sizes = tuple(float(size or 0) for size in known)
    return Lengths(tuple(size / sizes[-1] for size in sizes), sizes[-1], symbol(unit))


def _parse(text: str, count: int) -> tuple[tuple[float, ...], str]:
    """Parse the pixel sizes and the unit from the command line."""
    match = _SIZES.fullmatch(text.strip())
    try:
        values = tuple(positive(part) for part in match[1].split(",")) if match else ()
    except ValueError:
        values = ()
    if match is None or len(values) not in (1, count):
        numbers = "one number" if count == 1 else f"one number or {count}"
        raise InputError(
            f"--pixel-size {text}: allowed are {numbers} above zero, and a unit: 0.25, 4nm"
        )
    return values * (count if len(values) == 1 else 1), match[2] or "\u00b5m"
