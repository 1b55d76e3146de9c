"""Options shared by several commands, and the parsing of their values."""

from __future__ import annotations

import argparse
import math
from dataclasses import replace
from itertools import pairwise
from typing import Any

from steepest.core.errors import InputError
from steepest.core.limits import MAX_PIXELS
from steepest.core.solver import Solver
from steepest.io import Image
from steepest.io.stores import StoredImage

from .extras import need_torch


class HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """A help formatter that keeps the line breaks of descriptions and uses wider lines."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=30, width=98)


def number(text: str) -> float:
    """Parse a finite number."""
    try:
        value = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number") from None
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"{text!r} is not finite")
    return value


def positive(text: str) -> float:
    """Parse a finite positive number."""
    value = number(text)
    if value <= 0:
        raise argparse.ArgumentTypeError(f"{text} must be positive")
    return value


def density(text: str) -> float:
    """Parse a share of the pixels, above 0 and at most 1."""
    value = positive(text)
    if value > 1:
        raise argparse.ArgumentTypeError(f"{text} is above 1: all pixels")
    return value


def method_name(text: str) -> str:
    """Convert a method name, which may contain hyphens, to the name of its function."""
    return text.replace("-", "_")


def count(text: str) -> int:
    """Parse an integer of at least 1."""
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} must be a whole number from 1")
    return int(text)


def from_zero(text: str) -> int:
    """Parse an integer of at least 0."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} must be a whole number from 0")
    return int(text)


def numbers(text: str) -> list[float]:
    """Parse numbers separated by commas."""
    return [number(part) for part in text.split(",") if part.strip()] or [number(text)]


def increasing(text: str) -> list[float]:
    """Parse positive increasing times separated by commas."""
    values = numbers(text)
    if values[0] <= 0 or any(b <= a for a, b in pairwise(values)):
        raise argparse.ArgumentTypeError(f"{text} must be positive and increase")
    return values


def axis(text: str) -> int | str | None:
    """Parse "auto", "none" (returned as None) or the number of an axis."""
    if text in ("auto", "none"):
        return None if text == "none" else text
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is neither auto, none nor a number") from None


def add_inputs(parser: argparse.ArgumentParser, *, needed: bool = True) -> None:
    """Add the images and the options for reading them."""
    parser.add_argument(
        "images",
        nargs="+" if needed else "*",
        metavar="IMAGE",
        help="file, folder, quoted glob ('scans/**/*.tif'), or sample:camera",
    )
    group = parser.add_argument_group("reading")
    group.add_argument(
        "--recursive",
        action="store_true",
        help="also search the subfolders of a folder; results go into the same subfolders",
    )
    stack = group.add_mutually_exclusive_group()
    stack.add_argument(
        "--volume", action="store_true", help="treat pages (or a 3-D array) as one volume (default)"
    )
    stack.add_argument(
        "--pages", action="store_true", help="treat pages one by one, as a time series"
    )
    add_reading(group)


def add_reading(group: Any) -> None:
    """Add the options for reading any image file."""
    group.add_argument(
        "--channel-axis",
        type=axis,
        default="auto",
        metavar="N",
        help="axis of a TIFF or NPY array that holds the channels; none, or auto (default)",
    )
    add_max_pixels(group, MAX_PIXELS)


def add_max_pixels(group: Any, default: int) -> None:
    """Add the option for the size of the largest file to read."""
    group.add_argument(
        "--max-pixels",
        type=count,
        default=default,
        metavar="N",
        help=f"largest file to read, in pixels times channels (default {default:,})",
    )


def add_outputs(parser: argparse.ArgumentParser, where: str, *, images: bool = True) -> None:
    """Add the options for the output files and the printed report."""
    group = parser.add_argument_group("writing and reporting")
    group.add_argument("-o", "--output", metavar="PATH", help=where)
    group.add_argument("--overwrite", action="store_true", help="replace existing files")
    if images:
        group.add_argument(
            "--format",
            choices=("png", "jpg", "tif", "npy"),
            help="format of the results (default: as the image)",
        )
        group.add_argument(
            "--float",
            action="store_true",
            help="compute and write 32-bit floats (TIFF or NPY), neither rounded nor clipped",
        )
    add_reporting(group)
    group.add_argument(
        "--strict", action="store_true", help="exit with code 1 if an image did not converge"
    )


def add_reporting(group: Any) -> None:
    """Add the options for the printed report."""
    group.add_argument("--json", action="store_true", help="print the results as JSON")
    group.add_argument("-q", "--quiet", action="store_true", help="print errors only")


def add_model(parser: argparse.ArgumentParser, *, huber: bool = True) -> None:
    """Add the options of the functional and the solver."""
    group = parser.add_argument_group("total variation")
    add_norm(group, huber=huber)
    group.add_argument(
        "--separate-channels", action="store_true", help="treat each channel on its own"
    )
    add_solver(group)


def add_norm(group: Any, *, huber: bool = True, unit: str = "") -> None:
    """Add the options of the norm of differences; ``unit`` is that of the slope, if it has one."""
    group.add_argument(
        "--anisotropic", action="store_true", help="sum the differences along each axis"
    )
    if huber:
        group.add_argument(
            "--huber",
            type=positive,
            metavar="EPS",
            help=f"Huber-TV: quadratic below this slope{unit and f' ({unit})'}",
        )


def add_solver(group: Any, *, spacing: bool = True) -> None:
    """Add the options for the spacing, the tolerance and the threads."""
    if spacing:
        group.add_argument(
            "--spacing",
            metavar="A,B,..",
            help="pixel spacing along each axis, or 'file' for the ratios of the file's pixel "
            "sizes",
        )
    group.add_argument("--tol", type=positive, metavar="GAP", help="relative duality gap to reach")
    group.add_argument(
        "--threads", type=count, metavar="N", help="number of threads (default: all processors)"
    )


def add_method(parser: argparse.ArgumentParser) -> None:
    """Add the options for choosing the solver or a network."""
    group = parser.add_argument_group("method")
    group.add_argument(
        "--method",
        choices=("solve", "learned"),
        default="solve",
        help="solve the flow (default), or let a network predict it and bound its error (needs "
        "torch; treats channels separately)",
    )
    group.add_argument(
        "--network",
        metavar="NAME",
        help="mean-flux (default), unet, lgd, semi-resnet, or the path of your own weights",
    )


def check_method(arguments: argparse.Namespace) -> None:
    """Check, before any image is read, that the method can be used.

    Raises `InputError` if ``--network`` is given without ``--method learned``, or if ``--method
    learned`` is given and torch or safetensors is not installed.
    """
    if arguments.method == "learned":
        need_torch("--method learned")
    elif arguments.network is not None:
        raise InputError("--network: also give --method learned")


def learned_keywords(arguments: argparse.Namespace, image: Image, *refused: str) -> dict[str, Any]:
    """Return the keywords for the functions that use networks.

    Raises `InputError` if an option of the solver or one in ``refused`` is given, or if the image
    is a volume.
    """
    solver = ("anisotropic", "huber", "spacing", "tol", "threads", *refused)
    given = [f"--{name.replace('_', '-')}" for name in solver if getattr(arguments, name, None)]
    if given:
        raise InputError(f"{', '.join(given)}: cannot be combined with --method learned")
    if "Z" in image.axes:
        raise InputError(f"{image.name}: is a volume; networks take images (try --pages)")
    return {"network": arguments.network or "mean-flux", "channel_axis": image.channel_axis}


def add_bands(parser: argparse.ArgumentParser, *, times_only: bool = False) -> None:
    """Add the options for the bands and the times of the flow, or only those for the times."""
    group = parser.add_argument_group("times" if times_only else "bands")
    if times_only:
        parser.set_defaults(bands=None, edges=[])
    else:
        group.add_argument(
            "--bands", type=count, metavar="N", help="largest number of bands (default 6)"
        )
        group.add_argument(
            "--edges",
            type=increasing,
            metavar="T1,T2,..",
            help="times that separate the bands: 0.01,0.1 gives three (default: automatic)",
        )
    group.add_argument(
        "--t-max",
        type=positive,
        metavar="T",
        help="last time (default: until the image is constant)",
    )
    group.add_argument("--steps", type=count, metavar="N", help="number of time steps")


def model_keywords(arguments: argparse.Namespace, image: Image) -> dict[str, Any]:
    """Return the keywords of the numerical functions for these options and this image."""
    keywords: dict[str, Any] = {
        "channel_axis": image.channel_axis,
        "energy": energy_of(arguments),
        "spacing": spacing_of(arguments.spacing, image),
    }
    if arguments.tol is not None or arguments.threads is not None:
        keywords["solver"] = Solver(tol=arguments.tol, num_threads=arguments.threads)
    return keywords


def energy_of(arguments: argparse.Namespace) -> Any:
    """Return the total variation that the options describe."""
    from steepest.convex.total_variation import TotalVariation

    return TotalVariation(
        norm="anisotropic" if arguments.anisotropic else "isotropic",
        coupled=not arguments.separate_channels,
        huber=getattr(arguments, "huber", None) or 0.0,
    )


def in_range(arguments: argparse.Namespace, result: Any) -> Any:
    """Return a result whose PSNR refers to --range, if that is given."""
    return replace(result, data_range=1.0) if getattr(arguments, "range", None) else result


def band_keywords(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the keywords of ``decompose`` for the options of :func:`add_bands`.

    The bands cover all times, from 0 to infinity.
    """
    inner = arguments.edges
    if inner is not None and arguments.bands is not None:
        raise InputError("--edges says how many bands there are: leave --bands out")
    wanted = {
        "bands": arguments.bands if inner is None else [0.0, *inner, math.inf],
        "t_max": arguments.t_max,
        "steps": arguments.steps,
    }
    return {key: value for key, value in wanted.items() if value is not None}


def spacing_of(text: str | None, image: Image | StoredImage) -> tuple[float, ...] | None:
    """Return the spacing along each spatial axis, as given by ``--spacing``.

    Raises `InputError` if the numbers are invalid, if their count does not match the axes, or if
    ``--spacing file`` is given and the file does not store the pixel size along every axis.
    """
    if text is None:
        return None
    space = image.space
    if text == "file":
        sizes = image.pixel_size
        if sizes is None or any(size is None for size in sizes):
            raise InputError(f"{image.name}: holds no pixel size; give --spacing as numbers")
        return tuple(float(size or 0) / float(sizes[-1] or 1) for size in sizes)
    try:
        values = tuple(float(part) for part in text.split(","))
    except ValueError:
        raise InputError(f"--spacing {text}: allowed are numbers, or 'file'") from None
    if len(values) not in (1, len(space)) or min(values) <= 0 or not math.isfinite(sum(values)):
        raise InputError(
            f"{image.name}: --spacing {text}: {len(space)} positive numbers are needed "
            f"(axes {', '.join(space)})"
        )
    return values if len(values) > 1 else values * len(space)


def stack_of(arguments: argparse.Namespace) -> str:
    """Return the ``stack`` argument of ``read_image``: how to read the pages of a file."""
    return "volume" if arguments.volume else "pages" if arguments.pages else "auto"
