"""``steepest denoise``: remove noise by total variation."""

from __future__ import annotations

import argparse
from time import perf_counter
from typing import Any

import numpy as np

from steepest.io import check_target, write_image

from .batch import Record, run_batch
from .certificates import certificate, together
from .inputs import check_targets, expand, one_target, read
from .options import add_inputs, add_model, add_outputs, model_keywords, number, positive
from .progress import progress

HELP = "remove noise, by default as much as the image is found to hold"
USAGE = "IMAGE [IMAGE ...] [options]"
DESCRIPTION = """\
Denoise images: the minimiser v of 1/2 ||v - image||^2 + strength * TV(v), certified.

By default the noise level is estimated from the image and the strength chosen such that exactly
this much is removed (discrepancy principle): for each page of a time series, and with
--separate-channels for each channel. Images are written in their own format and kind: 16-bit stays
16-bit, metadata is kept.
"""
EPILOG = """\
examples:
  steepest denoise photo.jpg                       automatic strength -> photo_denoised.jpg
  steepest denoise photo.jpg --strength 0.05       this strength, for grey values in [0, 1]
  steepest denoise scan.tif --sigma 0.02           noise of this standard deviation
  steepest denoise scans/ -o clean                 every image of a folder
  steepest denoise 'scans/*.tif' -o clean --json   a glob; results as JSON
  steepest denoise stack.tif --spacing file        a volume with the slice spacing it states

strength and sigma refer to values in [0, 1] for 8- and 16-bit images, and to the values as they
are for floats. Larger structures survive larger strengths.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``steepest denoise``."""
    add_inputs(parser)
    parser.add_argument(
        "--strength",
        type=_strength,
        default="auto",
        metavar="S",
        help="weight of the total variation, or auto (default)",
    )
    parser.add_argument(
        "--sigma", type=positive, help="standard deviation of the noise, for the strength auto"
    )
    add_model(parser)
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

    sources = expand(arguments.images)
    several = len(sources) > 1
    targets = {name: one_target(name, arguments, "denoised", several) for name in sources}
    check_targets(targets.values(), arguments.overwrite)

    def work(source: str, label: str) -> Record:
        image = read(source, arguments)
        target = targets[source]
        check_target(target, image)
        record = Record(source, outputs=[target])
        record.describe(image)
        parts, certificates, strengths, sigmas = [], [], [], []
        for part in image.parts:
            start = perf_counter()
            keywords = model_keywords(arguments, image)
            with progress(label, enabled=not arguments.quiet) as on_step:
                keywords["on_step"] = on_step
                result, sigma = _denoise(arguments, part, keywords)
            certificates.append(certificate(result, perf_counter() - start))
            parts.append(result.image)
            strengths.append(result.strength)
            sigmas.append(sigma)
        write_image(target, image.with_parts(parts), overwrite=arguments.overwrite)
        _report(record, strengths, sigmas)
        record.certify(together(certificates))
        return record

    return run_batch(arguments, sources, work)


def _denoise(
    arguments: argparse.Namespace, part: np.ndarray, keywords: dict[str, Any]
) -> tuple[Any, Any]:
    """One image denoised, and the noise that its strength was chosen from (None: it was given)."""
    import steepest

    if arguments.strength != "auto":
        return steepest.denoise_tv(part, float(arguments.strength), **keywords), None
    sigma = arguments.sigma
    if sigma is None:
        sigma = _noise(part, keywords["channel_axis"], keywords["coupled"])
    isotropic, coupled = keywords.pop("isotropic"), keywords.pop("coupled")
    energy = steepest.TotalVariation(
        norm="isotropic" if isotropic else "anisotropic",
        coupled=coupled,
        huber=keywords.pop("huber", 0.0),
    )
    return steepest.denoise_discrepancy(part, sigma, energy, **keywords), sigma


def _noise(part: np.ndarray, channel_axis: int | None, coupled: bool) -> Any:
    """The estimated noise of an image, or a list of that of its channels if these are separate."""
    from steepest import estimate_noise

    if coupled or channel_axis is None:
        return estimate_noise(part, channel_axis=channel_axis)
    return [estimate_noise(channel) for channel in np.moveaxis(part, channel_axis, 0)]


def _report(record: Record, strengths: list[Any], sigmas: list[Any]) -> None:
    """The strengths, and the noise they were chosen for: (pages,) or (pages, channels)."""
    automatic = sigmas[0] is not None
    table = np.atleast_2d(np.array(strengths, float).T).T
    noise = np.broadcast_to(np.atleast_2d(np.array(sigmas, float).T).T, table.shape)
    for channel in range(table.shape[1]):
        text = _few(table[:, channel], 4)
        if automatic:
            text += f" (automatic, for noise of standard deviation {_few(noise[:, channel], 3)})"
        several = f" {channel + 1}" if table.shape[1] > 1 else ""
        record.lines.append((f"strength{several}", text))
    single = len(strengths) == 1
    record.values.update(
        strength=strengths[0] if single else strengths, sigma=sigmas[0] if single else sigmas
    )


def _few(values: np.ndarray, digits: int) -> str:
    """The numbers of all pages; of more than six pages the smallest and the largest."""
    words = [f"{value:.{digits}g}" for value in values]
    if len(set(words)) == 1:
        return words[0]
    if len(words) <= 6:
        return ", ".join(words)
    return f"{values.min():.{digits}g} to {values.max():.{digits}g}"
