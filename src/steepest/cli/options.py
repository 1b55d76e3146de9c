"""Options that several commands share, and how their values are read."""

from __future__ import annotations

import argparse
import math
from itertools import pairwise
from typing import Any

from steepest.core.errors import InputError
from steepest.core.limits import MAX_PIXELS
from steepest.io import Image

from .extras import need_torch


class HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """Help with the line breaks of the descriptions kept, a little wider."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=30, width=98)


def number(text: str) -> float:
    """A finite number."""
    try:
        value = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number") from None
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"{text!r} is not finite")
    return value


def positive(text: str) -> float:
    """A finite number above zero."""
    value = number(text)
    if value <= 0:
        raise argparse.ArgumentTypeError(f"{text} must be positive")
    return value


def density(text: str) -> float:
    """A share of the pixels, above 0 and up to 1."""
    value = positive(text)
    if value > 1:
        raise argparse.ArgumentTypeError(f"{text} is above 1: all pixels")
    return value


def method_name(text: str) -> str:
    """The name of a function, also with hyphens."""
    return text.replace("-", "_")


def count(text: str) -> int:
    """A whole number from 1."""
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} must be a whole number from 1")
    return int(text)


def from_zero(text: str) -> int:
    """A whole number from 0."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} must be a whole number from 0")
    return int(text)


def numbers(text: str) -> list[float]:
    """Numbers between commas."""
    return [number(part) for part in text.split(",") if part.strip()] or [number(text)]


def increasing(text: str) -> list[float]:
    """Positive increasing times between commas."""
    values = numbers(text)
    if values[0] <= 0 or any(b <= a for a, b in pairwise(values)):
        raise argparse.ArgumentTypeError(f"{text} must be positive and increase")
    return values


def axis(text: str) -> int | str | None:
    """ "auto", "none", or the number of an axis."""
    if text in ("auto", "none"):
        return None if text == "none" else text
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is neither auto, none nor a number") from None


def add_inputs(parser: argparse.ArgumentParser, *, needed: bool = True) -> None:
    """The images and how to read them."""
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
    """How any image file is read."""
    group.add_argument(
        "--channel-axis",
        type=axis,
        default="auto",
        metavar="N",
        help="axis of a TIFF or NPY array that holds the channels; none, or auto (default)",
    )
    add_max_pixels(group, MAX_PIXELS)


def add_max_pixels(group: Any, default: int) -> None:
    """The largest file to read."""
    group.add_argument(
        "--max-pixels",
        type=count,
        default=default,
        metavar="N",
        help=f"largest file to read, in pixels times channels (default {default:,})",
    )


def add_outputs(parser: argparse.ArgumentParser, where: str, *, images: bool = True) -> None:
    """Where results go and what is printed."""
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
        "--strict", action="store_true", help="exit with code 1 if a tolerance was not met"
    )


def add_reporting(group: Any) -> None:
    """What is printed."""
    group.add_argument("--json", action="store_true", help="print the results as JSON")
    group.add_argument("-q", "--quiet", action="store_true", help="print errors only")


def add_model(parser: argparse.ArgumentParser, *, huber: bool = True) -> None:
    """The functional and the solver."""
    group = parser.add_argument_group("total variation")
    group.add_argument(
        "--anisotropic", action="store_true", help="sum the differences along each axis"
    )
    if huber:
        group.add_argument(
            "--huber", type=positive, metavar="EPS", help="Huber-TV: quadratic below this slope"
        )
    group.add_argument(
        "--separate-channels", action="store_true", help="treat each channel on its own"
    )
    group.add_argument(
        "--spacing",
        metavar="A,B,..",
        help="pixel spacing along each axis, or 'file' for the ratios of the file's pixel sizes",
    )
    group.add_argument("--tol", type=positive, metavar="GAP", help="relative duality gap to reach")
    group.add_argument(
        "--threads", type=count, metavar="N", help="number of threads (default: all processors)"
    )


def add_method(parser: argparse.ArgumentParser) -> None:
    """Solver or network."""
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
    """Refuse a method that cannot be used, before any image is read.

    Raises
    ------
    InputError
        ``--network`` without ``--method learned``, or that without torch.
    """
    if arguments.method == "learned":
        need_torch("--method learned")
    elif arguments.network is not None:
        raise InputError("--network: also give --method learned")


def learned_keywords(arguments: argparse.Namespace, image: Image, *refused: str) -> dict[str, Any]:
    """The keywords of the networks' functions; options of the solver are refused.

    Raises
    ------
    InputError
        An option that networks do not know.
    """
    solver = ("anisotropic", "huber", "spacing", "tol", "threads", *refused)
    given = [f"--{name.replace('_', '-')}" for name in solver if getattr(arguments, name, None)]
    if given:
        raise InputError(f"{', '.join(given)}: cannot be combined with --method learned")
    if "Z" in image.axes:
        raise InputError(f"{image.name}: is a volume; networks take images (try --pages)")
    return {"network": arguments.network or "mean-flux", "channel_axis": image.channel_axis}


def add_bands(parser: argparse.ArgumentParser, *, times_only: bool = False) -> None:
    """How finely an image is split; only the times of the flow where bands play no part."""
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
        "--t-max", type=positive, metavar="T", help="last time (default: until nothing is left)"
    )
    group.add_argument("--steps", type=count, metavar="N", help="number of time steps")


def model_keywords(arguments: argparse.Namespace, image: Image) -> dict[str, Any]:
    """The keywords of the numerics that these options and this image ask for."""
    keywords: dict[str, Any] = {
        "channel_axis": image.channel_axis,
        "isotropic": not arguments.anisotropic,
        "coupled": not arguments.separate_channels,
        "spacing": spacing_of(arguments.spacing, image),
    }
    if getattr(arguments, "huber", None):
        keywords["huber"] = arguments.huber
    if getattr(arguments, "range", None):
        keywords["data_range"] = 1.0
    if arguments.tol is not None:
        keywords["tol"] = arguments.tol
    if arguments.threads is not None:
        keywords["num_threads"] = arguments.threads
    return keywords


def band_keywords(arguments: argparse.Namespace) -> dict[str, Any]:
    """The keywords of ``decompose`` for the options of :func:`add_bands`; bands cover all times."""
    inner = arguments.edges
    if inner is not None and arguments.bands is not None:
        raise InputError("--edges says how many bands there are: leave --bands out")
    wanted = {
        "num_bands": arguments.bands,
        "edges": None if inner is None else [0.0, *inner, math.inf],
        "t_max": arguments.t_max,
        "num_steps": arguments.steps,
    }
    return {key: value for key, value in wanted.items() if value is not None}


def spacing_of(text: str | None, image: Image) -> tuple[float, ...] | None:
    """One number for each spatial axis, from ``--spacing``.

    Raises
    ------
    InputError
        Bad numbers, too many, or none in the file.
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
    """How the pages of a file are to be read."""
    return "volume" if arguments.volume else "pages" if arguments.pages else "auto"
