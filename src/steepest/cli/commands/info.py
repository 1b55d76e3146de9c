"""``steepest info``: show the contents of a file and the installed versions."""

from collections.abc import Sequence
from contextlib import nullcontext, suppress
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

import steepest
from steepest.core.errors import InputError
from steepest.core.views import Part
from steepest.io import Image, describe_metadata
from steepest.io.stores import StoredImage, is_store, open_store

from .. import choices
from ..extras import need
from ..runner import Batch, Item
from ..sources import Source
from ..tiles import describe_store
from ..types import OptionalImages
from ..versions import versions

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
        files = [Source(str(path)) for path in _others(name, reading.recursive)]
        if not files or (Path(name).is_dir() and not is_store(name)):
            with suppress(InputError) if files else nullcontext():  # a folder without images
                files += reading.sources([name])
        found |= {source.name: source for source in files}

    def work(item: Item) -> None:
        name = item.source.name
        if is_store(name):
            _describe_store(item, open_store(name))
        elif name.endswith(".stp") and not name.startswith("sample:"):
            _describe_compressed(item, reading)
        else:
            _describe_file(item, reading.read(name))

    own = versions()
    footer = [", ".join(f"{name} {value}" for name, value in own.items())]
    return Batch(list(found.values()), work, extra=own, footer=footer)


def _others(name: str, recursive: bool) -> list[Path]:
    """The stores and compressed images that a word names: itself, or those in a folder."""
    path = Path(name)
    if is_store(path) or (path.suffix == ".stp" and path.is_file()):
        return [path]
    entries = sorted(path.rglob("*") if recursive else path.iterdir()) if path.is_dir() else []
    stores = [each for each in entries if each.is_dir() and is_store(each)]
    inside = {parent for each in stores for parent in (each, *each.parents) if parent in stores}
    compressed = [each for each in entries if each.suffix == ".stp" and each.is_file()]
    return [*(s for s in stores if not inside & {*s.parents}), *compressed]


def _describe_file(item: Item, image: Image) -> None:
    array, about = image.array, image.metadata
    sizes, unit = about.lengths(image.space)
    item.describe(image)
    writer = f" ({about.flavour})" if about.flavour and image.format == "tiff" else ""
    item.report("format", image.format + writer)
    names = {"T": "pages (processed one by one)", "Z": "z", "Y": "y", "X": "x", "C": "channels"}
    item.report("axes", ", ".join(names[axis] for axis in image.axes))
    bad = int(array.size - np.isfinite(array).sum())
    low, high = (None, None) if bad else (float(array.min()), float(array.max()))
    words = f"{bad} NaN or infinite values" if bad else f"{low:g} to {high:g}"
    if array.dtype == np.uint16 and 8 < (bits := int(high or 0).bit_length()) < 16:
        words += f" (perhaps {bits}-bit data: --range 0 {2**bits - 1})"
    if any("int" in each for each in about.changed):
        words += f" (--range {low:g} {high:g} makes them 0 to 1)"
    item.report("range", words, range=[low, high])
    words = "not stated"
    if sizes is not None:
        words = " x ".join("?" if size is None else f"{size:.4g}" for size in sizes)
        words += f" {unit or '(no unit)'}"
        dpi = about.dots_per_inch() if about.unit == "inch" else None
        words += f" ({dpi[0]:.4g} dpi)" if dpi and abs(dpi[0] - dpi[1]) < 0.5 else ""
    item.report("pixel size", words, pixel_size=sizes, pixel_unit=unit or None)
    said = describe_metadata(about)
    item.lines += said.items()
    parts = [] if bad else image.parts
    _report_noise(item, parts, len(image.space), image.channel_axis, array.dtype)
    item.values.update(
        channel_axis=image.channel_axis, transparency=image.alpha is not None, format=image.format,
        metadata=said,
    )  # fmt: skip


def _describe_compressed(item: Item, reading: choices.Reading) -> None:
    """Describe a file of `steepest compress` by its header."""
    need("reading compressed images", "compression")
    from steepest.compression import read_header

    data = Path(item.source.name).read_bytes()
    header = read_header(data, max_pixels=reading.max_pixels)
    words = [_times(header.space), header.dtype]
    words += [f"{header.channels} channels"] if header.channel_axis is not None else []
    item.report("image", ", ".join(words), shape=header.shape, dtype=header.dtype)
    item.report("format", f"compressed by steepest, {len(data)} bytes", bytes=len(data))
    share = f"{header.count} known, {100 * header.density:.2f} %, {header.levels} values"
    item.report("pixels", share, known=header.count, density=header.density)


def _describe_store(item: Item, image: StoredImage) -> None:
    """Describe a Zarr store, of which only the middle is read, for the noise."""
    describe_store(item, image)
    item.report("axes", ", ".join(image.axes))
    sizes, units = image.pixel_size, [image.units[image.axes.index(a)] for a in image.space]
    words = "not stated"
    if sizes is not None:
        alike = f" {units[0] or '(no unit)'}" if len(set(units)) == 1 else ""
        each = (f"{n:.4g}" + ("" if alike else f" {u}") for n, u in zip(sizes, units, strict=True))
        words = " x ".join(each) + alike
    item.report("pixel size", words, pixel_size=sizes)
    if "t" in image.axes and image.units[0]:
        item.report("time step", f"{image.scale[0]:.4g} {image.units[0]}")
    levels, array = [level.shape for level in image.levels], image.array
    item.report("levels", ", ".join(map(_times, levels)), levels=levels)
    words = f", in shards of {_times(s)}" if (s := getattr(array, "shards", None)) else ""
    item.report("chunks", _times(array.chunks) + words, chunks=array.chunks)
    lengths = dict(zip(image.axes, array.shape, strict=True)) | {"t": 1}
    every = ([None] if axis in image.space else range(lengths[axis]) for axis in image.axes)
    parts = [Part(array, place) for place in product(*every)]
    _report_noise(item, parts, len(image.space), None, array.dtype)
    if made := image.made:
        command, result = made.get("command", ""), made.get("result")
        which = f" ({result})" if result and result != command else ""
        item.report("made by", f"steepest {command}{which}")
        rest = {key: value for key, value in made.items() if key not in ("command", "result")}
        said = (f"{key.replace('_', ' ')} {_few(value)}" for key, value in rest.items())
        item.report("certificate", ", ".join(said))
    item.values.update(
        version=image.version, scale=image.scale, translation=image.translation, units=image.units,
        steepest=made,
    )  # fmt: skip


def _times(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape))


def _few(value: Any) -> str:
    """A value of an attribute in few words."""
    if isinstance(value, list):
        return " ".join(map(_few, value[:6])) + (" ..." if len(value) > 6 else "")
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _report_noise(
    item: Item, parts: Sequence[Any], ndim: int, channel_axis: int | None, dtype: np.dtype
) -> None:
    """Report the noise in the middle of all parts, on average, unless they are tiny."""
    side, estimates = round(_ENOUGH ** (1 / ndim)), []
    with suppress(InputError):
        for part in parts:
            window = (
                slice(max(0, (n - side) // 2), (n + side + 1) // 2) for n in part.shape[:ndim]
            )
            middle = np.asarray(part[tuple(window)])
            estimates.append(float(steepest.estimate_noise(middle, channel_axis=channel_axis)))
    noise = float(np.mean(estimates)) if estimates else None
    item.values["noise"] = noise
    if noise is not None:
        scale = "" if dtype.kind == "f" else " of the full range"
        words = f"standard deviation about {noise:.3g}{scale}" if noise else "none found"
        item.report("noise", words)
