"""``steepest info``: show the contents of a file and the installed versions."""

from __future__ import annotations

import argparse
import platform
from collections.abc import Sequence
from contextlib import suppress
from importlib import metadata
from typing import Any

import numpy as np

from steepest.core.errors import InputError
from steepest.io import Image, notes

from .batch import Record, describe, run_batch
from .inputs import given_images, read
from .options import add_inputs, add_reporting

HELP = "show shape, dtype, pixel size, metadata and noise of images, or the versions"
USAGE = "[IMAGE ...] [options]"
DESCRIPTION = """\
Show what a file holds: shape, dtype, channels, pixel size, metadata and estimated noise. Without a
file: the versions of steepest and of the packages it uses.
"""
EPILOG = """\
examples:
  steepest info                    versions and number of threads
  steepest info photo.jpg          one file
  steepest info 'scans/*.tif'      many
  steepest info stack.npy --json   for programs
"""

_ENOUGH = 1 << 24  # pixels used to estimate the noise


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``steepest info``."""
    add_inputs(parser, needed=False)
    add_reporting(parser.add_argument_group("reporting"))


def run(arguments: argparse.Namespace) -> int:
    """Describe every image, or only the installation if no images are given."""
    arguments.strict = False
    sources = given_images(arguments)
    code = run_batch(arguments, sources, lambda name, _: _describe(name, arguments), versions())
    if not arguments.json and not arguments.quiet:
        print(", ".join(f"{name} {value}" for name, value in versions().items()))
    return code


def version(package: str) -> str:
    """Return the version of a package, or "not installed"."""
    with suppress(metadata.PackageNotFoundError):
        return metadata.version(package)
    if package == "steepest":
        import steepest

        return str(steepest.__version__)
    return "not installed"


def versions() -> dict[str, Any]:
    """Return the versions of steepest and the packages it uses, and the number of threads."""
    from steepest.core.threads import default_num_threads

    names = ("steepest", "numba", "numpy", "pillow", "tifffile", "matplotlib", "constriction")
    found: dict[str, Any] = {name: version(name) for name in names}
    return {**found, "python": platform.python_version(), "threads": default_num_threads()}


def _describe(source: str, arguments: argparse.Namespace) -> Record:
    image = read(source, arguments)
    record = Record(source)
    array = image.array
    bad = int(array.size - np.isfinite(array).sum())
    low, high = (float(array.min()), float(array.max())) if not bad else (None, None)
    record.lines += [
        ("image", describe(image)),
        (
            "format",
            image.format + (f" ({image.metadata.flavour})" if image.metadata.flavour else ""),
        ),
        ("axes", _axes(image)),
        ("range", f"{bad} NaN or infinite values" if bad else _range(array, low, high)),
        ("pixel size", _pixel_size(image)),
    ]
    said = notes(image.metadata)
    record.lines += said.items()
    noise = None if bad else _noise(image)
    if noise is not None:
        scale = "" if array.dtype.kind == "f" else " of the full range"
        record.lines.append(("noise", f"standard deviation about {noise:.3g}{scale}"))
    record.values = {
        "shape": list(array.shape),
        "dtype": array.dtype.name,
        "axes": image.axes,
        "channel_axis": image.channel_axis,
        "transparency": image.alpha is not None,
        "format": image.format,
        "range": [low, high],
        "pixel_size": image.pixel_size,
        "pixel_unit": image.metadata.unit or None,
        "metadata": said,
        "noise": noise,
    }
    return record


def _range(array: np.ndarray, low: Any, high: Any) -> str:
    """Format the smallest and largest value, with a hint if 16-bit data may use fewer bits."""
    text = f"{low:g} to {high:g}"
    bits = int(high).bit_length() if array.dtype == np.uint16 else 16
    if not 8 < bits < 16:
        return text
    return f"{text} (perhaps {bits}-bit data: --range 0 {2**bits - 1})"


def _axes(image: Image) -> str:
    names = {"T": "pages (processed one by one)", "Z": "z", "Y": "y", "X": "x", "C": "channels"}
    return ", ".join(names[axis] for axis in image.axes)


def _pixel_size(image: Image) -> str:
    sizes = image.pixel_size
    if sizes is None:
        return "not stated"
    words = " x ".join("?" if size is None else f"{size:.4g}" for size in sizes)
    dpi = image.metadata.dots_per_inch() if image.metadata.unit == "inch" else None
    note = f" ({dpi[0]:.4g} dpi)" if dpi and abs(dpi[0] - dpi[1]) < 0.5 else ""
    return f"{words} {image.metadata.unit or '(no unit)'}{note}"


def _noise(image: Image) -> float | None:
    """Estimate the noise from the middle of each page and average; None for tiny images."""
    import steepest

    side = round(_ENOUGH ** (1 / len(image.space)))
    middle = tuple(
        slice(max(0, (size - side) // 2), (size + side + 1) // 2)
        for size in image.parts[0].shape[: len(image.space)]
    )
    estimates: Sequence[float] = []
    with suppress(InputError):
        estimates = [
            float(steepest.estimate_noise(part[middle], channel_axis=image.channel_axis))
            for part in image.parts
        ]
    return float(np.mean(estimates)) if estimates else None
