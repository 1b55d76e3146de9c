"""Lengths in pixels or in physical units, for the commands that measure sizes."""

from __future__ import annotations

import argparse
import re
from dataclasses import dataclass

from steepest.core.errors import InputError
from steepest.io import Image

from .batch import Record
from .options import positive, spacing_of

_MICRONS = ("um", "micron", "microns", "\\u00B5m", "\u03bcm")  # the last with a Greek mu
_SIZES = re.compile(r"([^A-Za-z\u00b5\u03bc]+)([A-Za-z\u00b5\u03bc]*)")


@dataclass(frozen=True)
class Lengths:
    """The pixel spacing used in computations, and its physical unit.

    ``spacing`` is relative to the pixel size along the last axis, so that times agree with those of
    the other commands. One unit of ``spacing`` is ``pixel_size`` in ``unit``.
    """

    spacing: tuple[float, ...] | None
    pixel_size: float
    unit: str

    def report(self, record: Record) -> None:
        """Report the pixel size."""
        if self.unit != "px":
            sizes = [step * self.pixel_size for step in self.spacing or ()]
            words = " x ".join(f"{size:.4g}" for size in sizes)
            record.tell("pixel size", f"{words} {self.unit}")
        record.values["unit"] = self.unit


def add_pixel_size(parser: argparse.ArgumentParser) -> None:
    """Add the option for the pixel size."""
    parser.add_argument(
        "--pixel-size",
        metavar="SIZE",
        help="size of a pixel in micrometres, or with a unit: 0.25, 4nm, or one for each axis, "
        "0.75,0.25,0.25 (default: that of the file, if it has one; else sizes are in pixels)",
    )


def lengths_of(arguments: argparse.Namespace, image: Image) -> Lengths:
    """Determine the pixel size from the options and the file.

    Resolutions in inches are not used, because they specify the size of the printed image.

    Raises `InputError` if ``--pixel-size`` or ``--spacing`` is invalid, if both are given, or if
    ``--spacing file`` is given and the file does not store a pixel size.
    """
    count = len(image.space)
    if arguments.pixel_size is not None:
        if arguments.spacing is not None:
            raise InputError("--pixel-size: cannot be combined with --spacing, which it includes")
        sizes, unit = _parsed(arguments.pixel_size, count)
    elif arguments.spacing not in (None, "file"):
        return Lengths(spacing_of(arguments.spacing, image), 1.0, "px")
    else:
        known, unit = image.pixel_size, image.metadata.unit
        if arguments.spacing == "file":
            spacing_of("file", image)  # raises an error if no size is stored
        if known is None or None in known or unit in ("", "inch", "in", "pixel", "pixels"):
            return Lengths(spacing_of(arguments.spacing, image), 1.0, "px")
        sizes = tuple(float(size or 0) for size in known)
        if unit == "cm" and max(sizes) < 0.01:  # the smallest unit that plain TIFF files know
            sizes, unit = tuple(1e4 * size for size in sizes), "\u00b5m"
    unit = "\u00b5m" if unit in _MICRONS else unit
    return Lengths(tuple(size / sizes[-1] for size in sizes), sizes[-1], unit)


def _parsed(text: str, count: int) -> tuple[tuple[float, ...], str]:
    """Parse the pixel sizes and the unit from the command line."""
    match = _SIZES.fullmatch(text.strip())
    try:
        values = tuple(positive(part) for part in match[1].split(",")) if match else ()
    except argparse.ArgumentTypeError:
        values = ()
    if match is None or len(values) not in (1, count):
        numbers = "one number" if count == 1 else f"one number or {count}"
        raise InputError(
            f"--pixel-size {text}: allowed are {numbers} above zero, and a unit: 0.25, 4nm"
        )
    return values * (count if len(values) == 1 else 1), match[2] or "\u00b5m"
