"""``steepest stipple``: turn photographs into dots."""

from __future__ import annotations

import argparse
from time import perf_counter
from typing import Any

import numpy as np

from steepest.core.errors import InputError
from steepest.core.solver import Solver
from steepest.io import OutputSet, write_dots

from .batch import Record, run_batch
from .certificates import Reached
from .inputs import read, targets_of
from .options import add_inputs, add_outputs, count, from_zero, number, positive
from .progress import progress

HELP = "turn a photograph into dots, for print, plotters and engravers"
USAGE = "IMAGE [IMAGE ...] [options]"
DESCRIPTION = """\
Turn a photograph into black dots that are dense where it is dark. The number of dots on any area
with several dots is right, so the grey tones are, too, from any distance. All dots have one size,
unless --size-by-tone makes them larger where the photograph is darker.
"""
EPILOG = """\
examples:
  steepest stipple photo.jpg                            10,000 dots -> photo_dots.svg
  steepest stipple photo.jpg --points 50000 -o dots.pdf
  steepest stipple photo.jpg -o dots.svg --width 200    200 mm wide, for a plotter or an engraver
  steepest stipple photo.jpg -o dots.png --scale 8      8 pixels along each pixel of the photograph
  steepest stipple photo.jpg -o dots.csv                positions x,y in pixels
  steepest stipple photo.jpg --size-by-tone 0.5         larger dots where it is dark
  steepest stipple photo.jpg --invert -o stars.png      white dots on black
  steepest stipple photos/ -o dots --format pdf

The dots are in an order in which a plotter has short ways. Their areas sum to the darkness of the
photograph; --radius sets another size (with --size-by-tone, that of the mean area). Dots that
overlap print too light: use more, smaller dots.
The report compares the discrepancy of dots and photograph with that of a perfect pattern.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``steepest stipple``."""
    add_inputs(parser)
    group = parser.add_argument_group("dots")
    group.add_argument(
        "--points", type=count, default=10_000, metavar="N", help="number of dots (10000)"
    )
    group.add_argument(
        "--invert", action="store_true", help="white dots on black, dense where the image is light"
    )
    group.add_argument(
        "--gamma",
        type=positive,
        default=1.0,
        metavar="G",
        help="darkness is 1 - grey^G: 1 (default) counts grey values, 2.2 the light of a screen",
    )
    group.add_argument(
        "--size-by-tone",
        type=number,
        default=0.0,
        metavar="S",
        help="how much of the tone is in the sizes of the dots: 0 (default) gives one size, 1 "
        "evenly spaced dots as in a halftone screen",
    )
    group.add_argument(
        "--tol",
        type=positive,
        default=0.05,
        metavar="T",
        help="stop when the discrepancy is at most 1 + T times that of a perfect pattern (0.05)",
    )
    group.add_argument(
        "--max-steps", type=count, default=500, metavar="N", help="largest number of steps (500)"
    )
    group.add_argument("--seed", type=from_zero, default=0, help="random seed (default 0)")
    group.add_argument(
        "--threads", type=count, metavar="N", help="number of threads (default: all processors)"
    )
    group = parser.add_argument_group("drawing")
    group.add_argument(
        "--radius", type=positive, metavar="R", help="radius of the dots, in pixels of the image"
    )
    group.add_argument(
        "--width", type=positive, metavar="MM", help="width of SVG and PDF pages, in millimetres"
    )
    group.add_argument(
        "--scale",
        type=positive,
        default=4.0,
        metavar="S",
        help="pixels of a PNG file along one pixel of the image (4)",
    )
    group.add_argument(
        "--format",
        choices=("svg", "pdf", "png", "csv", "npy"),
        help="format of the files in a folder (default svg)",
    )
    add_outputs(
        parser,
        "file (.svg, .pdf, .png, .csv, .npy), or folder (default: NAME_dots.svg in this folder)",
        images=False,
    )
    parser.set_defaults(float=False)


def run(arguments: argparse.Namespace) -> int:
    """Turn every image into dots."""
    targets = targets_of(arguments, "dots", f".{arguments.format or 'svg'}", "dots")
    if arguments.width and not {path.suffix for path in targets.values()} & {".svg", ".pdf"}:
        raise InputError("--width: only for SVG and PDF files; --scale sets the size of PNG files")

    def work(source: str, label: str) -> Record:
        from steepest.particles import stipple

        image = read(source, arguments)
        if image.space != "YX" or image.axes.startswith("T"):
            raise InputError(f"{source}: has axes {image.axes}; a single 2-D image is needed")
        start = perf_counter()
        with progress(label, enabled=not arguments.quiet) as on_step:
            dots = stipple(
                _on_paper(image.array, image.alpha, arguments.invert),
                arguments.points,
                invert=arguments.invert,
                gamma=arguments.gamma,
                size_by_tone=arguments.size_by_tone,
                rng=arguments.seed,
                solver=Solver(arguments.tol, arguments.max_steps, arguments.threads),
                on_step=on_step,
            )
        seconds = perf_counter() - start
        radius = arguments.radius or dots.radius
        with OutputSet(overwrite=arguments.overwrite) as outputs:
            write_dots(
                targets[source],
                dots.points,
                (dots.shape[0], dots.shape[1]),
                dots.radii * (radius / dots.radius) if arguments.size_by_tone else radius,
                light=arguments.invert,
                scale=arguments.scale,
                width=arguments.width,
                outputs=outputs,
            )
        record = Record(source, outputs=[targets[source]])
        record.describe(image, kept=False)
        sizes = f"radius {radius:.3g}"
        if arguments.size_by_tone:
            least, most = (radius / dots.radius * f(dots.radii) for f in (np.min, np.max))
            sizes = f"radii {least:.3g} to {most:.3g}"
        number = len(dots.points)
        record.tell("dots", f"{number}, {sizes} pixels", points=number, radius=radius)
        record.certify(_Even([dots], seconds), "discrepancy")
        return record

    return run_batch(arguments, list(targets), work)


class _Even(Reached):
    """How evenly the dots are spread."""

    step = "step"

    @property
    def promise(self) -> str:
        (dots,) = self.results
        return f"{dots.discrepancy:.3g} pixels, {dots.quality:.3f} times that of a perfect pattern"

    def as_json(self) -> dict[str, Any]:
        (dots,) = self.results
        return {"discrepancy": dots.discrepancy, "quality": dots.quality, **super().as_json()}


def _on_paper(array: np.ndarray, alpha: np.ndarray | None, invert: bool) -> np.ndarray:
    """Return the image on paper: where it is transparent there are no dots."""
    if alpha is None:
        return array
    top = float(np.iinfo(array.dtype).max) if array.dtype.kind == "u" else 1.0
    share = alpha[..., :1].astype(np.float64) / top
    share = share if array.ndim == 3 else share[..., 0]
    return np.asarray(share * (array / top) + (1 - share) * (0.0 if invert else 1.0))
