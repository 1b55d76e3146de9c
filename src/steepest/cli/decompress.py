"""``steepest decompress``: restore the image from a compressed file."""

from __future__ import annotations

import argparse
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from steepest.core.errors import InputError
from steepest.io import Image, base_name, check_kind, check_target, write_image

from .batch import Record, run_batch
from .inputs import check_targets
from .options import add_max_pixels, add_reporting

HELP = "restore the image from a file written by compress"
USAGE = "FILE.stp [IMAGE] [options]"
DESCRIPTION = """\
Decompress a file written by "steepest compress": its pixels are put back, and diffusion fills in
the others. The image has the shape and dtype of the original.
"""
EPILOG = """\
examples:
  steepest decompress photo.stp back.png
  steepest decompress photo.stp                            -> photo.png, or photo.tif for floats
  steepest decompress large.stp --max-pixels 200000000     allow larger images

Truncated, altered or too large files are refused.
"""
_AXES = {1: "X", 2: "YX", 3: "ZYX"}
_PLAIN = ("uint8", "uint16")
_SPARE = 1 << 20  # bytes in addition to 32 per pixel: more than any image needs


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``steepest decompress``."""
    from steepest.compression import MAX_PIXELS

    parser.add_argument("file", metavar="FILE.stp", help="file written by compress")
    parser.add_argument(
        "output", nargs="?", metavar="IMAGE", help="image file (default: NAME.png, or NAME.tif)"
    )
    add_max_pixels(parser, MAX_PIXELS)
    group = parser.add_argument_group("writing and reporting")
    group.add_argument("--overwrite", action="store_true", help="replace an existing file")
    add_reporting(group)


def run(arguments: argparse.Namespace) -> int:
    """Decompress the file."""
    if arguments.output is not None:
        check_kind(arguments.output, "image")

    def work(source: str, label: str) -> Record:
        from steepest.compression import decompress, read_header

        limit = arguments.max_pixels
        data = _read(Path(source), 32 * limit + _SPARE)
        header = read_header(data, max_pixels=limit)
        target = _target(source, arguments.output, header)
        check_targets([target], arguments.overwrite)
        blank = np.broadcast_to(np.zeros((), header.dtype), header.shape)
        check_target(target, _image(blank, header, source))
        start = perf_counter()
        image = _image(decompress(data, max_pixels=limit), header, source)
        seconds = perf_counter() - start
        write_image(target, image, overwrite=arguments.overwrite)
        record = Record(source, outputs=[target])
        record.describe(image)
        share = f"{header.count} known, {100 * header.density:.2f} %"
        record.tell("pixels", share, bytes=len(data), density=header.density)
        record.tell("time", f"{seconds:.2f} s", seconds=seconds)
        return record

    return run_batch(arguments, [arguments.file], work)


def _read(path: Path, most: int) -> bytes:
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    size = path.stat().st_size
    if size > most:
        raise InputError(f"{path}: {size} bytes, too many for a compressed image")
    return path.read_bytes()


def _target(source: str, output: str | None, header: Any) -> Path:
    if output is not None:
        return Path(output)
    plain = header.dtype in _PLAIN and len(header.space) == 2 and header.channels in (1, 3)
    return Path(base_name(source) + (".png" if plain else ".tif"))


def _image(array: np.ndarray, header: Any, name: str) -> Image:
    axes = _AXES[len(header.space)]
    if header.channel_axis is None:
        return Image(array, axes, name=name)
    return Image(np.moveaxis(array, header.channel_axis, -1), axes + "C", name=name)
