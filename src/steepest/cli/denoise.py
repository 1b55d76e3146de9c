"""``steepest denoise``: remove noise by total variation denoising."""

from __future__ import annotations

import argparse
from dataclasses import replace
from time import perf_counter
from typing import Any

import numpy as np

from steepest.core.errors import InputError
from steepest.core.numbers import counted
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
much is removed (discrepancy principle). Flat and saturated regions are left out of the estimate. If
no noise is found, the image stays as it is, and the report says so. Each page of a time series has
its own strength, and with --separate-channels so has each channel. Results have the format and the
type of the image: 16-bit stays 16-bit, and metadata is kept.
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
        parts, certificates, results = [], [], []
        for index, page in enumerate(image.parts):
            start = perf_counter()
            keywords = model_keywords(arguments, image)
            show = progress(label, enabled=not arguments.quiet)
            with show as on_step, page_named(image, index):
                keywords["on_step"] = on_step
                result = _denoise(arguments, page, values, keywords)
            certificates.append(certificate(result, perf_counter() - start))
            parts.append(values.back(result.image, image.array.dtype))
            results.append(replace(result, image=None, flux=None))
        _report(record, results, values, image.array.dtype)
        if clipped := sum(values.clipped(page) for page in image.parts):
            share = f"{100 * clipped / image.array.size:.2g} %"
            words = f"{counted(clipped, 'value')} ({share}), too far below the offset for counts"
            record.tell("clipped", words, clipped=clipped)
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
) -> Any:
    """Denoise one page, and return the result."""
    import steepest

    part = values.compute(page)
    if arguments.strength != "auto":
        return in_range(arguments, steepest.denoise(part, float(arguments.strength), **keywords))
    axis, separate = keywords["channel_axis"], not keywords["energy"].coupled
    sigma = arguments.sigma or values.noise(page, axis, separate=separate)
    return in_range(arguments, steepest.denoise_discrepancy(part, sigma, **keywords))


def _report(record: Record, results: list[Any], values: Values, dtype: np.dtype) -> None:
    """Report the strengths, the noise levels used to choose them, and where these were estimated.

    There is one result per page, with numbers or with one number per channel.
    """

    def table(name: str) -> np.ndarray:
        """The numbers (channels, pages) of this name."""
        return np.atleast_2d(np.array([getattr(result, name) for result in results], float).T)

    automatic = results[0].sigma is not None
    for channel, strengths in enumerate(table("strength")):
        several = f" {channel + 1}" if np.ndim(results[0].strength) else ""
        text = _few(strengths, 4)
        if automatic:
            text += f" ({_noise(strengths, table('sigma')[channel], values, dtype)})"
        record.tell(f"strength{several}", text)
    names = ["strength", "sigma"]
    if results[0].noise_share is not None:
        names.append("noise_share")
        shares = table("noise_share")
        if (partly := shares[(shares > 0) & (shares < 1)]).size:
            share = _few(100 * partly, 3)
            record.tell(
                "noise", f"estimated from {share} % of the image; the rest is flat or saturated"
            )
    for name in names:
        found = [getattr(result, name) for result in results]
        record.values[name] = found if len(found) > 1 else found[0]


def _noise(strengths: np.ndarray, sigmas: np.ndarray, values: Values, dtype: np.dtype) -> str:
    """Say for which noise the strengths of all pages were chosen, and where nothing was removed."""
    nothing, pages = np.count_nonzero(strengths == 0), strengths.size
    if nothing == pages:
        return "automatic: no noise was found, so nothing was removed"
    text = f"automatic, for noise of standard deviation {_few(sigmas, 3)}"
    in_file = values.in_file(sigmas, dtype)
    text += "" if in_file is None else f"; {_few(in_file, 3)} in the file"
    return text + (f"; nothing was removed from {nothing} of {pages} pages" if nothing else "")


def _few(values: np.ndarray, digits: int) -> str:
    """Format the numbers of all pages; for more than six pages, the smallest and the largest."""
    words = [f"{value:.{digits}g}" for value in values]
    if len(set(words)) == 1:
        return words[0]
    if len(words) <= 6:
        return ", ".join(words)
    return f"{values.min():.{digits}g} to {values.max():.{digits}g}"
