"""``steepest info``: show the contents of a file and the installed versions."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from contextlib import suppress
from importlib import metadata
from itertools import product
from typing import Any

import numpy as np

import steepest
from steepest.core.errors import InputError
from steepest.core.threads import default_num_threads
from steepest.core.views import Part
from steepest.io import Image, notes
from steepest.io.stores import is_store, open_store, store_contents

from .. import choices
from ..runner import Batch, Item, describe
from ..sources import Source
from ..tiles import describe_store
from ..types import OptionalImages

_ENOUGH = 1 << 24  # pixels used to estimate the noise


def info(
    *images: OptionalImages,
    reading: choices.Reading = choices.Reading(),
    reporting: choices.Reporting = choices.Reporting(),
) -> Batch:
    """Show shape, dtype, pixel size, metadata and noise of images, or the versions.

    Show what a file holds: shape, dtype, channels, pixel size, metadata and estimated noise.
    Without a file: the versions of steepest and of the packages it uses.

    Examples
    --------
    steepest info                   versions and number of threads
    steepest info 'scans/*.tif'     many files
    steepest info slide.zarr        levels, chunks and certificate of a store
    steepest info stack.npy --json  for programs
    """
    found: dict[str, Source] = {}
    for name in images:
        files = [Source(name)] if is_store(name) else reading.sources([name])
        found |= {source.name: source for source in files}

    def work(item: Item) -> None:
        name = item.source.name
        _stored(item, name) if is_store(name) else _describe(item, reading.read(name))

    own = versions()
    footer = [", ".join(f"{name} {value}" for name, value in own.items())]
    return Batch(list(found.values()), work, extra=own, footer=footer)


def versions() -> dict[str, Any]:
    """Return the versions of steepest and the packages it uses, and the number of threads."""
    found: dict[str, Any] = {"steepest": steepest.__version__}
    for name in ("numba", "numpy", "pillow", "tifffile", "matplotlib", "constriction"):
        found[name] = "not installed"
        with suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return {**found, "python": platform.python_version(), "threads": default_num_threads()}


def _describe(item: Item, image: Image) -> None:
    array = image.array
    bad = int(array.size - np.isfinite(array).sum())
    low, high = (float(array.min()), float(array.max())) if not bad else (None, None)
    flavour = image.metadata.flavour
    item.lines += [
        ("image", describe(image)),
        ("format", image.format + (f" ({flavour})" if flavour else "")),
        ("axes", _axes(image)),
        ("range", f"{bad} NaN or infinite values" if bad else _range(array, low, high)),
        ("pixel size", _pixel_size(image)),
    ]
    said = notes(image.metadata)
    item.lines += said.items()
    noise = None if bad else _noise(image.parts, len(image.space), image.channel_axis)
    _report_noise(item, noise, array.dtype)
    item.values.update(
        shape=array.shape, dtype=array.dtype.name, axes=image.axes,
        channel_axis=image.channel_axis, transparency=image.alpha is not None,
        format=image.format, range=[low, high], pixel_size=image.pixel_size,
        pixel_unit=image.metadata.unit or None, metadata=said, noise=noise,
    )  # fmt: skip


def _stored(item: Item, source: str) -> None:
    """Describe a Zarr store, of which only the middle is read, for the noise."""
    image = open_store(source)
    levels, made = store_contents(source)
    describe_store(item, image)
    sizes, units = image.pixel_size, [image.units[image.axes.index(a)] for a in image.space]
    words = "not stated"
    if sizes is not None:
        alike = f" {units[0] or '(no unit)'}" if len(set(units)) == 1 else ""
        each = (f"{n:.4g}" + ("" if alike else f" {u}") for n, u in zip(sizes, units, strict=True))
        words = " x ".join(each) + alike
    item.lines += [("axes", ", ".join(image.axes)), ("pixel size", words)]
    if "t" in image.axes and image.units[0]:
        item.lines.append(("time step", f"{image.scale[0]:.4g} {image.units[0]}"))
    s = getattr(image.array, "shards", None)
    item.lines += [
        ("levels", ", ".join(_times(level.shape) for level in levels)),
        ("chunks", _times(image.array.chunks) + (f", in shards of {_times(s)}" if s else "")),
    ]
    lengths = dict(zip(image.axes, image.array.shape, strict=True)) | {"t": 1}
    every = ([None] if axis in image.space else range(lengths[axis]) for axis in image.axes)
    parts = [Part(image.array, place) for place in product(*every)]
    noise = _noise(parts, len(image.space), None)
    _report_noise(item, noise, image.array.dtype)
    if made:
        command, result = made.get("command", ""), made.get("result")
        which = f" ({result})" if result and result != command else ""
        item.lines.append(("made by", f"steepest {command}{which}"))
        rest = {key: value for key, value in made.items() if key not in ("command", "result")}
        said = (f"{key.replace('_', ' ')} {_few(value)}" for key, value in rest.items())
        item.lines.append(("certificate", ", ".join(said)))
    item.values.update(
        version=image.version, pixel_size=sizes, scale=image.scale, translation=image.translation,
        units=image.units, levels=[level.shape for level in levels],
        chunks=image.array.chunks, noise=noise, steepest=made,
    )  # fmt: skip


def _times(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape))


def _few(value: Any) -> str:
    """A value of an attribute in few words."""
    if isinstance(value, list):
        return " ".join(map(_few, value[:6])) + (" ..." if len(value) > 6 else "")
    return f"{value:.4g}" if isinstance(value, float) else str(value)


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


def _report_noise(item: Item, noise: float | None, dtype: np.dtype) -> None:
    if noise == 0:
        item.lines.append(("noise", "none found"))
    elif noise is not None:
        scale = "" if dtype.kind == "f" else " of the full range"
        item.lines.append(("noise", f"standard deviation about {noise:.3g}{scale}"))


def _noise(parts: Sequence[Any], ndim: int, channel_axis: int | None) -> float | None:
    """Estimate the noise from the middle of each part and average; None for tiny images."""
    side = round(_ENOUGH ** (1 / ndim))
    estimates: Sequence[float] = []
    with suppress(InputError):
        estimates = [
            float(steepest.estimate_noise(_middle(part, side, ndim), channel_axis=channel_axis))
            for part in parts
        ]
    return float(np.mean(estimates)) if estimates else None


def _middle(part: Any, side: int, ndim: int) -> np.ndarray:
    sizes = part.shape[:ndim]
    return np.asarray(
        part[tuple(slice(max(0, (n - side) // 2), (n + side + 1) // 2) for n in sizes)]
    )
