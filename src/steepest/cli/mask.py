"""``steepest mask``: choose a few pixels of an image to keep."""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from steepest.io import Image, OutputSet, check_kind, check_target, write_image

from .batch import Record, run_batch
from .certificates import Reached, duration
from .inputs import check_targets, given_images, one_target, placed, read, suffix, to_kind
from .options import add_inputs, add_reporting, density, from_zero, method_name
from .progress import progress
from .tiles import EPILOG as LARGE
from .tiles import add_tiles, is_tiled, run_tiled

HELP = "choose a few pixels from which the rest can be inpainted well"
USAGE = "IMAGE [IMAGE ...] [options]"
DESCRIPTION = """\
Choose which pixels of an image to keep, so that homogeneous diffusion restores the others as well
as possible. The mask is an 8-bit image: 255 for pixels to keep, 0 for the others.
"""
EPILOG = (
    """\
examples:
  steepest mask photo.jpg                                    5 % of the pixels -> photo_mask.png
  steepest mask photo.jpg --density 0.1 -o mask.png          10 %
  steepest mask sample:coffee --reconstruction coffee.png    also write the inpainted image
  steepest mask photo.jpg --tonal --reconstruction best.png  with optimised pixel values
  steepest mask photo.jpg --method laplacian-dither          faster, but lower quality
  steepest mask photos/ -o masks --cycles 2                  slower, but better
  steepest mask big.zarr -o mask.zarr --memory 2GB           larger than memory, tile by tile

"steepest inpaint photo.jpg --known photo_mask.png" fills in the other pixels.
"steepest compress photo.jpg" does both and writes one small file.
"""
    + LARGE
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``steepest mask``."""
    from steepest.inpainting.masks import METHODS

    add_inputs(parser)
    group = parser.add_argument_group("choosing")
    group.add_argument(
        "--density", type=density, default=0.05, metavar="D", help="share of pixels to keep (0.05)"
    )
    group.add_argument(
        "--method",
        type=method_name,
        choices=METHODS,
        default=METHODS[0],
        metavar="NAME",
        help=f"{METHODS[0]} (default), {', '.join(METHODS[1:])}",
    )
    group.add_argument(
        "--cycles",
        type=from_zero,
        default=0,
        metavar="N",
        help="afterwards, try N pixel exchanges per kept pixel (default 0)",
    )
    group.add_argument("--seed", type=from_zero, default=0, help="random seed (default 0)")
    group.add_argument(
        "--tonal",
        action="store_true",
        help="reconstruct from optimised values at the mask, not from those of the image",
    )
    group = parser.add_argument_group("writing and reporting")
    group.add_argument(
        "-o",
        "--output",
        metavar="PATH",
        help="file, or folder for several images (default: NAME_mask.png in this folder)",
    )
    group.add_argument(
        "--reconstruction", metavar="PATH", help="also write the inpainted image: file, or folder"
    )
    group.add_argument("--overwrite", action="store_true", help="replace existing files")
    add_reporting(group)
    add_tiles(parser)
    parser.set_defaults(format=None, float=False, spacing=None, threads=None)
    parser.set_defaults(separate_channels=False)  # they share a mask


def run(arguments: argparse.Namespace) -> int:
    """Choose the pixels to keep in every image."""
    if is_tiled(arguments):
        return _run_tiled(arguments)
    sources = given_images(arguments)
    several = len(sources) > 1
    targets = {name: _targets(name, arguments, several) for name in sources}
    check_targets([path for paths in targets.values() for path in paths], arguments.overwrite)

    def work(source: str, label: str) -> Record:
        image = read(source, arguments)
        paths = targets[source]
        blank = _mask_image(image, [np.zeros(_space(image), bool) for _ in image.parts])
        for path, content in zip(paths, (blank, image), strict=False):
            check_target(path, content)
        start = perf_counter()
        with progress(label, enabled=not arguments.quiet) as on_step:
            found = [_choose(part, image.channel_axis, arguments, on_step) for part in image.parts]
        seconds = perf_counter() - start
        results = [_mask_image(image, [each.mask for each in found])]
        results.append(to_kind(image, [each.best.image for each in found]))
        with OutputSet(overwrite=arguments.overwrite) as outputs:
            for path, content in zip(paths, results, strict=False):
                write_image(path, content, outputs=outputs)
        record = Record(source, outputs=paths)
        record.describe(image, kept=False)
        _report(record, arguments, found, seconds)
        return record

    return run_batch(arguments, sources, work)


@dataclass(frozen=True)
class _Found:
    """A mask and the images inpainted from it."""

    mask: np.ndarray
    plain: Any
    best: Any


def _run_tiled(arguments: argparse.Namespace) -> int:
    """Choose the pixels to keep in images that do not fit in memory."""
    from steepest import tiled

    def solve(part: Any, out: Any, options: dict[str, Any]) -> Any:
        return tiled.echo(part, arguments.density, out[0], rng=arguments.seed, **options)

    def report(record: Record, results: list[Any]) -> None:
        kept, density = sum(each.known for each in results), results[0].density
        text = f"{kept} pixels, {100 * density:.2f} %, {arguments.method}, by tiles"
        record.tell("mask", text, method=arguments.method, known=kept, density=density)

    return run_tiled(
        arguments, ["mask"], solve, report, kind="mask", certify=_ByTiles, proves="inpainting"
    )


class _ByTiles(Reached):
    """The errors of the images inpainted from the masks, over all pixels."""

    step = "pass"

    @property
    def promise(self) -> str:
        return _errors(self.results)

    def as_json(self) -> dict[str, Any]:
        return {"psnr": _psnr(self.results), "mae": _mae(self.results), **super().as_json()}


def _targets(name: str, arguments: argparse.Namespace, several: bool) -> list[Path]:
    """Return the file of the mask and, if requested, the file of the inpainted image."""
    own = Path(name).suffix
    ending = own if own.lower() in (".tif", ".tiff", ".npy") else ".png"
    first = one_target(name, arguments, "mask", several, ending)
    check_kind(first, "mask")
    if arguments.reconstruction is None:
        return [first]
    ending = suffix(name, arguments)
    return [first, placed(name, arguments, arguments.reconstruction, ending, several)]


def _space(image: Image) -> tuple[int, ...]:
    return image.parts[0].shape[: len(image.space)]


def _mask_image(image: Image, masks: list[np.ndarray]) -> Image:
    """Convert the masks to an image without channels and metadata."""
    white = [mask.astype(np.uint8) * np.uint8(255) for mask in masks]
    axes = image.axes.removesuffix("C")
    return Image(np.stack(white) if axes.startswith("T") else white[0], axes, name=image.name)


def _choose(
    part: np.ndarray, channel_axis: int | None, arguments: argparse.Namespace, on_step: Any
) -> _Found:
    from steepest.inpainting import masks, reconstruct, tonal

    options: dict[str, Any] = {
        "channel_axis": channel_axis,
        "rng": arguments.seed,
        "on_step": on_step,
    }
    mask = getattr(masks, arguments.method)(part, arguments.density, **options)
    if arguments.cycles:
        mask = masks.echo_exchange(part, mask, cycles=arguments.cycles, **options)
    plain = best = reconstruct(part, mask, channel_axis=channel_axis)
    if arguments.tonal:
        values = tonal(part, mask, channel_axis=channel_axis, on_step=on_step)
        best = reconstruct(part, mask, channel_axis=channel_axis, values=values)
    return _Found(mask, plain, best)


def _report(
    record: Record, arguments: argparse.Namespace, found: list[_Found], seconds: float
) -> None:
    kept = sum(int(each.mask.sum()) for each in found)
    size = sum(each.mask.size for each in found)
    method = arguments.method + (f", {arguments.cycles} cycles" if arguments.cycles else "")
    best = [each.best for each in found]
    before, after = _psnr([each.plain for each in found]), _psnr(best)
    told = arguments.tonal and math.isfinite(before)
    gain = f" ({after - before:+.2f} dB by tonal optimisation)" if told else ""
    record.lines += [
        ("mask", f"{kept} of {size} pixels, {100 * kept / size:.2f} %, {method}"),
        ("inpainting", _errors(best) + gain),
        ("time", duration(seconds)),
    ]
    record.values.update(
        method=arguments.method,
        cycles=arguments.cycles,
        tonal=arguments.tonal,
        known=kept,
        density=kept / size,
        psnr=after,
        mae=_mae(best),
        seconds=seconds,
    )


def _errors(results: Sequence[Any]) -> str:
    return f"PSNR {_psnr(results):.2f} dB, mean absolute error {_mae(results):.4g}"


def _mae(results: Sequence[Any]) -> float:
    return float(np.mean([each.mae for each in results]))


def _psnr(results: Sequence[Any]) -> float:
    """Return the PSNR in dB; for several pages, from the mean of their relative squared errors."""
    error = float(np.mean([10 ** (-each.psnr / 10) for each in results]))
    return -10 * math.log10(error) if error > 0 else math.inf
