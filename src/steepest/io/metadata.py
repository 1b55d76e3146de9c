"""The metadata of an image file, in a common form for all formats."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

UNITS = {
    **dict.fromkeys(("inch", "inches", "in"), (25.4, "inch")),
    **{"m": (1e3, "meter"), "cm": (10.0, "centimeter"), "mm": (1.0, "millimeter")},
    # micro sign, Greek mu, and as ImageJ writes it
    **dict.fromkeys(
        ("\u00b5m", "\u03bcm", "\\u00B5m", "um", "micron", "microns"), (1e-3, "micrometer")
    ),
    **{"nm": (1e-6, "nanometer"), "pm": (1e-9, "picometer")},
}
"""Length in millimetres and name in OME-Zarr of each unit."""
SYMBOLS = {name: unit for unit, (_, name) in reversed(UNITS.items()) if name != "inch"}
"""The unit, as in OME-TIFF, of each name in OME-Zarr."""
_FINEST = 1e9  # highest resolution, in pixels per unit


def symbol(unit: str) -> str:
    """The usual symbol of a unit of length, however it is written: "\u00b5m" for "microns"."""
    return SYMBOLS.get(UNITS.get(unit, (0, ""))[1], unit)


def in_unit(length: float, unit: str, other: str) -> float | None:
    """Convert a length to another unit; return None if the units differ and one is unknown."""
    if unit == other:
        return length
    if unit not in UNITS or other not in UNITS:
        return None
    return length * UNITS[unit][0] / UNITS[other][0]


@dataclass(frozen=True)
class Metadata:
    """Resolution, colour profile and notes of an image file.

    ``resolution`` is the number of pixels per ``unit`` along x and y, and ``z_step`` is the
    distance between slices in ``unit``. ``unit`` is "inch", "cm", "mm", "µm", ..., or "" if
    unknown. ``orientation`` is that of the file as EXIF numbers it; pixels are upright, and results
    are written so. ``changed`` says what else was changed on reading, such as the kind of numbers.
    ``flavour`` is "imagej" or "ome" for TIFF files of these programs. ``extra``
    holds program-specific metadata: the ImageJ entries, or the OME-XML under the key "xml".
    ``tags`` holds other TIFF tags that are kept, as (code, type, count, value). ``lost`` names the
    metadata of the file that are not kept. Metadata do not affect any computation. Resolutions
    outside the range that files can store are dropped.
    """

    resolution: tuple[float, float] | None = None
    unit: str = ""
    z_step: float | None = None
    icc_profile: bytes | None = None
    exif: bytes | None = None
    orientation: int = 1
    changed: tuple[str, ...] = ()
    gamma: float | None = None
    text: tuple[tuple[str, str], ...] = ()
    description: str = ""
    flavour: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)
    tags: tuple[tuple[int, int, int, Any], ...] = ()
    lost: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.resolution and not all(1 / _FINEST <= each <= _FINEST for each in self.resolution):
            object.__setattr__(self, "resolution", None)

    def pixel_size(self, axes: str) -> tuple[float | None, ...] | None:
        """Return the pixel size along ``axes`` (letters of "ZYX") in ``unit``; None if unknown.

        The size along an axis is None if only that size is unknown.
        """
        x, y = self.resolution or (0.0, 0.0)
        sizes = {"X": 1 / x if x else None, "Y": 1 / y if y else None, "Z": self.z_step}
        values = tuple(sizes.get(axis) for axis in axes if axis in sizes)
        return values if any(value is not None for value in values) else None

    def lengths(self, axes: str) -> tuple[tuple[float | None, ...] | None, str]:
        """The pixel size along ``axes`` and its unit, in micrometres where these are meant."""
        sizes, unit = self.pixel_size(axes), self.unit
        known = [size for size in sizes or () if size]
        if unit in ("", "pixel", "pixels") and all(size == 1 for size in known):
            return None, unit  # what programs write that know no size
        if unit == "cm" and max(known, default=1) < 0.01:
            # the smallest unit that plain TIFF files know
            return tuple(size and 1e4 * size for size in sizes or ()), "\u00b5m"
        return sizes, symbol(unit)

    def without_display(self) -> Metadata:
        """Return a copy without ImageJ's display range, for images whose values have changed."""
        shown = {"min", "max", "Ranges"}
        extra = {key: value for key, value in self.extra.items() if key not in shown}
        lost = ("display range",) if len(extra) < len(self.extra) else ()
        return replace(self, extra=extra, lost=(*self.lost, *lost))

    def dots_per_inch(self, most: float = 1e8) -> tuple[float, float] | None:
        """Return the resolution in pixels per inch; None if unknown or higher than ``most``."""
        if self.resolution is None or self.unit not in UNITS:
            return None
        x, y = (each * 25.4 / UNITS[self.unit][0] for each in self.resolution)
        return (x, y) if max(x, y) <= most else None
