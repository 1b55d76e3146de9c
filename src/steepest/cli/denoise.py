"""``steepest denoise``: remove noise by total variation denoising."""

from __future__ import annotations

import argparse
from time import perf_counter
from typing import Any

import numpy as np

from steepest.core.errors import InputError
from steepest.io import Image

from .batch import Record
from .certificates import certificate, together
from .inputs import run_single
from .options import (
    add_inputs,
    add_model,
    add_outputs,
    in_range,
    model_keywords,
    number,
    positive,
)
from .pages import page_named
from .progress import progress
from .tiles import EPILOG as LARGE
from .tiles import add_tiles, is_tiled, run_tiled
from .values import Values, add_noise, add_range, values_of

HELP = "remove noise; the strength is found automatically"
USAGE = "IMAGE [IMAGE ...] [options]"
DESCRIPTION = """\
Denoise images: the minimiser v of 1/2 ||v - image||^2 + strength * TV(v), certified.

By default the noise is estimated from the image, and the strength is chosen so that exactly this
much is removed (discrepancy principle). Each page of a time series has its own strength, and with
--separate-channels so has each channel. Results have the format and the type of the image: 16-bit
stays 16-bit, and metadata is kept.
"""
EPILOG = (
    """\
examples:
  steepest denoise photo.jpg                       writes photo_denoised.jpg
  steepest denoise photo.jpg --strength 0.05       this strength, for grey values in [0, 1]
  steepest denoise scan.tif --sigma 0.02           noise of this standard deviation
  steepest denoise scans/ -o clean                 every image of a folder
  steepest denoise 'scans/*.tif' -o clean --json   a glob; results as JSON
  steepest denoise stack.tif --spacing file        a volume, with the slice spacing in the file
  steepest denoise cells.tif --range 0 4095        12-bit data in a 16-bit file
  steepest denoise counts.tif --noise poisson      photon counts
  steepest denoise big.zarr --strength 0.1 -o out.zarr    larger than memory, tile by tile
  steepest denoise camera.tif --noise poisson --gain 2.2 --read-noise 3.5 --offset 100

The strength and sigma refer to values in [0, 1] for 8- and 16-bit images, and to the values in the
file for floats. With --range, 0 and 1 are the grey values LOW and HIGH. The larger a structure is,
the larger the strength that it survives.

With --noise poisson, the strength and the certificate refer to the transformed image, whose noise
has a standard deviation of 1 (less where there are few photons). Results are grey values as in the
file, also with --float.
"""
    + LARGE
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``steepest denoise``."""
    add_inputs(parser)
    parser.add_argument(
        "--strength",
        type=_strength,
        default="auto",
        metavar="S",
        help="weight of the total variation, or auto (the default)",
    )
    parser.add_argument(
        "--sigma", type=positive, help="standard deviation of the noise (default: estimated)"
    )
    add_range(parser)
    add_noise(parser)
    add_model(parser)
    add_tiles(parser)
    add_outputs(parser, "file, or folder for several images (default: NAME_denoised here)")


def _strength(text: str) -> float | str:
    if text == "auto":
        return text
    value = number(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"{text} is negative; allowed are auto and numbers from 0")
    return value


def run(arguments: argparse.Namespace) -> int:
    """Denoise every image."""

    values = values_of(arguments)
    if is_tiled(arguments):
        return _run_tiled(arguments)

    def compute(image: Image, record: Record, label: str) -> Image:
        parts, certificates, strengths, sigmas = [], [], [], []
        for index, page in enumerate(image.parts):
            start = perf_counter()
            keywords = model_keywords(arguments, image)
            show = progress(label, enabled=not arguments.quiet)
            with show as on_step, page_named(image, index):
                keywords["on_step"] = on_step
                result, sigma = _denoise(arguments, page, values, keywords)
            certificates.append(certificate(result, perf_counter() - start))
            parts.append(values.back(result.image, image.array.dtype))
            strengths.append(result.strength)
            sigmas.append(sigma)
        _report(record, strengths, sigmas, values, image.array.dtype)
        record.certify(together(certificates))
        return image.with_parts(parts)

    return run_single(arguments, "denoised", compute)


def _run_tiled(arguments: argparse.Namespace) -> int:
    """Denoise images that do not fit in memory."""
    from steepest import tiled

    if arguments.strength == "auto" or not arguments.strength:
        raise InputError("--strength: a positive number is needed for images computed by tiles")
    strength = float(arguments.strength)

    def solve(part: Any, out: Any, options: dict[str, Any]) -> Any:
        return tiled.denoise_tv(part, strength, out[0], **options)

    def report(record: Record, results: list[Any]) -> None:
        record.tell("strength", f"{strength:g}", strength=strength)

    return run_tiled(arguments, ["denoised"], solve, report)


def _denoise(
    arguments: argparse.Namespace, page: np.ndarray, values: Values, keywords: dict[str, Any]
) -> tuple[Any, Any]:
    """Denoise one page.

    Return the result and the standard deviation of the noise used to choose the strength, or None
    if the strength was given.
    """
    import steepest

    part = values.compute(page)
    if arguments.strength != "auto":
        found = steepest.denoise(part, float(arguments.strength), **keywords)
        return in_range(arguments, found), None
    axis, sigma = keywords["channel_axis"], arguments.sigma
    if sigma is None and (keywords["energy"].coupled or axis is None):
        sigma = values.noise(page, axis)
    elif sigma is None:
        sigma = [values.noise(channel, None) for channel in np.moveaxis(page, axis, 0)]
    return in_range(arguments, steepest.denoise_discrepancy(part, sigma, **keywords)), sigma


def _report(
    record: Record, strengths: list[Any], sigmas: list[Any], values: Values, dtype: np.dtype
) -> None:
    """Report the strengths and the noise levels used to choose them.

    Both have one entry per page, which is a number or one number per channel.
    """
    table = np.atleast_2d(np.array(strengths, float).T).T
    for channel in range(table.shape[1]):
        text = _few(table[:, channel], 4)
        if sigmas[0] is not None:
            noise = np.array(sigmas, float).reshape(len(sigmas), -1)
            noise = np.broadcast_to(noise, table.shape)[:, channel]
            text += f" (automatic, for noise of standard deviation {_few(noise, 3)}"
            in_file = values.in_file(noise, dtype)
            text += ")" if in_file is None else f"; {_few(in_file, 3)} in the file)"
        several = f" {channel + 1}" if table.shape[1] > 1 else ""
        record.tell(f"strength{several}", text)
    single = len(strengths) == 1
    record.values.update(
        strength=strengths[0] if single else strengths, sigma=sigmas[0] if single else sigmas
    )


def _few(values: np.ndarray, digits: int) -> str:
    """Format the numbers of all pages; for more than six pages, the smallest and the largest."""
    words = [f"{value:.{digits}g}" for value in values]
    if len(set(words)) == 1:
        return words[0]
    if len(words) <= 6:
        return ", ".join(words)
    return f"{values.min():.{digits}g} to {values.max():.{digits}g}"
