"""``steepest inpaint``: fill in the unknown pixels of images."""

from __future__ import annotations

import argparse
from contextlib import ExitStack
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from steepest.core.errors import InputError
from steepest.core.views import Part
from steepest.io import Image, read_image, read_labels
from steepest.io.stores import is_store, open_windows

from .batch import Record
from .certificates import Reached
from .inputs import run_single
from .options import add_inputs, add_outputs, count, method_name, positive, spacing_of
from .progress import progress
from .tiles import EPILOG as LARGE
from .tiles import add_tiles, is_tiled, run_tiled

HELP = "fill in unknown pixels: scratches, holes, text, or most of the image"
USAGE = "IMAGE [IMAGE ...] [--known MASK | --unknown MASK] [options]"
DESCRIPTION = """\
Fill in the pixels of an image that are not known. Known pixels stay as they are.

Masks follow two conventions: in OpenCV and scikit-image, nonzero pixels are to be filled; in masks
written by "steepest mask", they are known. Use --unknown MASK or --known MASK accordingly. Without
either, the NaN pixels of a floating-point image are filled.
"""
EPILOG = (
    """\
examples:
  steepest inpaint damaged.png --unknown scratches.png           white pixels are filled
  steepest inpaint photo.png --known mask.png -o filled.png      black pixels are filled
  steepest inpaint depth.tif                                     NaN pixels are filled
  steepest inpaint frames/ --unknown logo.png -o clean           one mask for many images
  steepest inpaint photo.jpg --unknown soft.png --threshold 128  a mask with smooth edges

A mask is a PNG, TIFF or NPY file of the size of the image that holds 0 and one other number. With
--threshold it may hold any numbers, and be a JPEG file.
"""
    + LARGE
)
_PLAIN = "diffusion"


class _Solved(Reached):
    """The accuracy with which the equation is solved (the worst over several pages)."""

    @property
    def residual(self) -> float:
        return max(float(result.residual) for result in self.results)

    @property
    def promise(self) -> str:
        return f"{self.residual:.1e}, relative"

    def as_json(self) -> dict[str, Any]:
        return {"residual": self.residual, **super().as_json()}


class _ByTiles(_Solved):
    """The same by tiles, where an iteration is a pass over all of them."""

    step = "pass"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``steepest inpaint``."""
    add_inputs(parser)
    group = parser.add_argument_group("what is known")
    given = group.add_mutually_exclusive_group()
    given.add_argument("--known", metavar="MASK", help="nonzero pixels of this file are known")
    given.add_argument("--unknown", metavar="MASK", help="nonzero pixels of this file are filled")
    given.add_argument("--mask", help=argparse.SUPPRESS)
    group.add_argument(
        "--threshold",
        type=count,
        metavar="N",
        help="treat values of N or more as nonzero (for masks with more than two values)",
    )
    from steepest.inpainting import METHODS

    group = parser.add_argument_group("method")
    group.add_argument(
        "--method",
        type=method_name,
        default=_PLAIN,
        metavar="NAME",
        help=", ".join(METHODS).replace(_PLAIN, f"{_PLAIN} (default)"),
    )
    group.add_argument(
        "--spacing",
        metavar="A,B,..",
        help="pixel spacing along each axis, or 'file': the ratios of the pixel sizes in the file",
    )
    group.add_argument("--tol", type=positive, metavar="R", help="relative residual to stop at")
    group.add_argument("--threads", type=count, metavar="N", help="processors to use (default all)")
    add_outputs(parser, "file, or folder for several images (default: NAME_inpainted here)")
    add_tiles(parser)
    parser.set_defaults(separate_channels=False)


def run(arguments: argparse.Namespace) -> int:
    """Inpaint every image."""
    if arguments.mask is not None:
        raise InputError(
            f"--mask {arguments.mask}: say what its nonzero pixels are: --known "
            f"{arguments.mask}, or --unknown {arguments.mask} (to be filled)"
        )
    if arguments.threshold and not (arguments.known or arguments.unknown):
        raise InputError("--threshold: also give --known or --unknown")
    if is_tiled(arguments):
        return _run_tiled(arguments)
    from steepest import Solver, inpaint

    method = _method(arguments.method)
    solver = Solver(tol=arguments.tol, num_threads=arguments.threads)

    def compute(image: Image, record: Record, label: str) -> Image:
        known = _known(arguments, image)
        spacing = spacing_of(arguments.spacing, image)
        if spacing is not None and "spacing" not in method.takes:
            raise InputError(f"--spacing: cannot be combined with --method {arguments.method}")
        results: list[Any] = []
        start = perf_counter()
        with progress(label, enabled=not arguments.quiet) as on_step:
            options: Any = {
                "channel_axis": image.channel_axis, "spacing": spacing, "solver": solver,
                "on_step": on_step,
            }  # fmt: skip
            results += [inpaint(part, known, method, **options) for part in image.parts]
        seconds = perf_counter() - start
        _report(record, arguments.method, image, known)
        record.certify(_Solved(results, seconds), "residual")
        return image.with_parts([result.image for result in results])

    return run_single(arguments, "inpainted", compute)


def _run_tiled(arguments: argparse.Namespace) -> int:
    """Inpaint images that do not fit in memory."""
    from steepest import tiled

    name = arguments.known or arguments.unknown
    option = "known" if arguments.known else "unknown"
    with ExitStack() as stack:
        mask: Any = None
        if name is not None and (is_store(name) or Path(name).suffix.lower() in (".tif", ".tiff")):
            if arguments.scheduler is not None and not is_store(name):
                raise InputError(f"{name}: with --scheduler, the mask must be a Zarr store")
            image = stack.enter_context(open_windows(name))
            lengths = zip(image.axes, image.array.shape, strict=True)
            if any(n > 1 for axis, n in lengths if axis in "tc"):
                raise InputError(f"{name}: a mask has neither channels nor time points")
            mask = Part(image.array, tuple(None if a in image.space else 0 for a in image.axes))
        elif name is not None:
            mask = _marked(name, 2, None, arguments.max_pixels)

        def solve(part: Any, out: Any, options: dict[str, Any]) -> Any:
            return tiled.inpaint(part, out=out[0], **{option: mask}, **options)

        def report(record: Record, results: list[Any]) -> None:
            record.tell("method", arguments.method, method=arguments.method)

        return run_tiled(
            arguments, ["inpainted"], solve, report, certify=_ByTiles, proves="residual"
        )


def _method(name: str) -> Any:
    from steepest import inpainting

    if name not in inpainting.METHODS:
        raise InputError(f"--method {name}: allowed are {', '.join(inpainting.METHODS)}")
    return getattr(inpainting, inpainting.METHODS[name])()


def _known(arguments: argparse.Namespace, image: Image) -> np.ndarray | None:
    """Return which pixels are known according to the mask; None if NaN marks unknown pixels."""
    name = arguments.known or arguments.unknown
    if name is None:
        if image.array.dtype.kind != "f":
            raise InputError(
                f"{image.name}: which pixels are known? Give --known MASK or --unknown MASK "
                "(only floating-point images can mark unknown pixels with NaN)"
            )
        return None
    space = image.parts[0].shape[: len(image.space)]
    marked = _marked(name, len(space), arguments.threshold, arguments.max_pixels)
    if marked.shape != space:
        sizes = [" x ".join(map(str, shape)) for shape in (marked.shape, space)]
        raise InputError(f"{name}: {sizes[0]} pixels do not fit {image.name} with {sizes[1]}")
    return marked if arguments.known else ~marked


def _marked(name: str, ndim: int, threshold: int | None, max_pixels: int) -> np.ndarray:
    """Return where a mask file is nonzero or, with ``threshold``, at least the threshold."""
    if ndim == 2:
        numbers = read_labels(name, lossy=threshold is not None, max_pixels=max_pixels)
    else:
        mask = read_image(name, stack="volume", channel_axis=None, max_pixels=max_pixels)
        numbers = mask.array
    if threshold is not None:
        return numbers >= threshold
    values = np.unique(numbers)
    if len(values[values != 0]) > 1:
        shown = ", ".join(f"{v:g}" for v in values[:4]) + (", .." if len(values) > 4 else "")
        raise InputError(
            f"{name}: holds {len(values)} values ({shown}); allowed are 0 and one other "
            "(or say from which on with --threshold N)"
        )
    return numbers != 0


def _report(record: Record, method: str, image: Image, known: np.ndarray | None) -> None:
    if known is None:
        unknown = np.isnan(image.array)
        if image.channel_axis is not None:
            unknown = unknown.any(axis=image.channel_axis)
    else:
        unknown = ~known
    number, share = int(unknown.sum()), float(unknown.mean())
    text = f"{number} of {unknown.size} pixels, {100 * share:.2f} %"
    record.tell("filled", text, unknown=number, share=share)
    record.tell("method", method, method=method)
