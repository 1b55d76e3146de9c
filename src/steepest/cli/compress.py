"""``steepest compress``: compress an image by storing a few of its pixels."""

from __future__ import annotations

import argparse
from math import isfinite
from pathlib import Path
from time import perf_counter
from typing import Any

from steepest.core.errors import InputError
from steepest.io import Image, OutputSet

from .batch import Record, run_batch
from .extras import need_coder
from .inputs import check_targets, expand, read, stem
from .options import add_reading, add_reporting, count, density, from_zero, method_name, positive
from .progress import progress

HELP = "compress an image by storing a few of its pixels (sparse inpainting)"
USAGE = "IMAGE [FILE.stp] [options]"
DESCRIPTION = """\
Compress an image: store a few well-chosen pixels; "steepest decompress" fills in the others by
diffusion. The reported size is that of the whole file: positions and values of the pixels, header
and checksum.

One image is compressed at a time, into a file ending in .stp. Transparency and metadata are not
kept.
"""
EPILOG = """\
examples:
  steepest compress photo.png photo.stp                    keep 5 % of the pixels
  steepest compress photo.png photo.stp --density 0.02     keep 2 %
  steepest compress photo.png photo.stp --size 20000       best quality within 20,000 bytes
  steepest compress photo.png photo.stp --psnr 30          smallest file with 30 dB
  steepest compress sample:camera --mask laplacian-dither  choose pixels faster -> camera.stp
"""
SUFFIX = ".stp"
_DENSITY = 0.05


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``steepest compress``."""
    from steepest.inpainting.masks import METHODS

    parser.add_argument("image", metavar="IMAGE", help="image file, or sample:camera")
    parser.add_argument(
        "output", nargs="?", metavar="FILE.stp", help="file to write (default: NAME.stp here)"
    )
    goal = parser.add_argument_group("how much to keep").add_mutually_exclusive_group()
    goal.add_argument(
        "--density", type=density, metavar="D", help="share of the pixels to keep (default 0.05)"
    )
    goal.add_argument("--size", type=count, metavar="BYTES", help="largest size of the file")
    goal.add_argument("--psnr", type=positive, metavar="DB", help="lowest PSNR")
    group = parser.add_argument_group("how")
    group.add_argument(
        "--levels",
        type=count,
        metavar="N",
        help="values per channel, 2 to 256 (default: chosen from the error of the inpainting)",
    )
    group.add_argument(
        "--mask",
        type=method_name,
        choices=METHODS,
        default=METHODS[0],
        metavar="NAME",
        help=f"how to choose the pixels: {METHODS[0]} (default), {', '.join(METHODS[1:])}",
    )
    group.add_argument(
        "--no-tonal",
        action="store_true",
        help="store the original pixel values instead of optimised ones",
    )
    group.add_argument("--seed", type=from_zero, default=0, help="random seed (default 0)")
    group.add_argument("--volume", action="store_true", help="read pages as one volume (default)")
    add_reading(group)
    parser.set_defaults(pages=False)
    reporting = parser.add_argument_group("writing and reporting")
    reporting.add_argument("--overwrite", action="store_true", help="replace an existing file")
    add_reporting(reporting)


def run(arguments: argparse.Namespace) -> int:
    """Compress the image."""
    need_coder("steepest compress")
    sources = expand([arguments.image])
    if len(sources) != 1 or sources[0] != arguments.image:
        raise InputError(f"{arguments.image}: one image is compressed at a time")
    target = Path(arguments.output or stem(arguments.image) + SUFFIX)
    check_targets([target], arguments.overwrite, "compressed image")

    def work(source: str, label: str) -> Record:
        from steepest.compression import pack

        image = read(source, arguments)
        if image.axes.startswith("T"):
            raise InputError(f"{source}: has several pages; one image is compressed at a time")
        record = Record(source, outputs=[target])
        record.describe(image, kept=False)
        start = perf_counter()
        with progress(label, enabled=not arguments.quiet) as on_step:
            packed = pack(
                image.array,
                channel_axis=image.channel_axis,
                on_step=on_step,
                **_keywords(arguments),
            )
        with OutputSet(overwrite=arguments.overwrite) as outputs, outputs.open(target) as file:
            file.write(packed.data)
        _report(record, packed, image, perf_counter() - start)
        return record

    return run_batch(arguments, sources, work)


def _keywords(arguments: argparse.Namespace) -> dict[str, Any]:
    searched = arguments.size is not None or arguments.psnr is not None
    return {
        "density": None if searched else arguments.density or _DENSITY,
        "max_bytes": arguments.size,
        "psnr": arguments.psnr,
        "levels": arguments.levels,
        "mask_method": arguments.mask,
        "tonal": not arguments.no_tonal,
        "rng": arguments.seed,
    }


def _report(record: Record, packed: Any, image: Image, seconds: float) -> None:
    size, header = len(packed.data), packed.header
    ratio = image.array.nbytes / size
    record.lines += [
        ("size", f"{size} bytes, {packed.bits_per_pixel:.3f} bits/pixel, 1 : {ratio:.1f}"),
        ("pixels", f"{header.count} kept, {100 * packed.density:.2f} %, {header.levels} levels"),
        ("quality", f"PSNR {packed.psnr:.2f} dB"),
        ("time", f"{seconds:.2f} s"),
    ]
    if image.alpha is not None:
        record.lines.append(("note", "transparency is not kept"))
    record.values.update(
        bytes=size,
        bits_per_pixel=packed.bits_per_pixel,
        density=packed.density,
        known=header.count,
        levels=header.levels,
        psnr=packed.psnr if isfinite(packed.psnr) else None,
        seconds=seconds,
    )
