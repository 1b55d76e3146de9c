"""``steepest filter``: an equaliser for structures."""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np

from steepest.core.errors import InputError
from steepest.io import Image

from .batch import Record
from .inputs import run_single
from .options import (
    add_bands,
    add_inputs,
    add_model,
    add_outputs,
    band_keywords,
    number,
    numbers,
    positive,
)
from .pages import Pages, bands_in_words
from .tiles import EPILOG as LARGE
from .tiles import SEVERAL, add_tiles, at_the_end, is_tiled, run_tiled
from .values import Values, add_range, values_of

HELP = "keep, remove or amplify structures by their contrast and size"
USAGE = "IMAGE [IMAGE ...] --KIND T [options]"
DESCRIPTION = """\
Spectral filters of the total variation transform. Time plays the role of the wavelength: small and
faint structures have small times, large and strong ones have large times. Edges stay sharp. The
pages of a time series are filtered one by one, all in the same way.
"""
EPILOG = (
    """\
examples:
  steepest filter photo.png --low-pass 0.05         keep what vanishes after t = 0.05
  steepest filter photo.png --high-pass 0.05        keep only small or faint structures
  steepest filter photo.png --band-pass 0.01 0.1    keep what vanishes in between
  steepest filter photo.png --band-stop 0.01 0.1    remove what does so (wrinkles, grain)
  steepest filter photo.png --edges 0.01,0.1 --gains 0,1,2           remove, keep, double
  steepest filter photo.png --gains 2,1,1,1                          four bands, found automatically
  steepest filter photo.png --gains 1,0 --residual-gain 0            only the finer of two bands
  steepest filter film.tif --pages --low-pass 0.05  a time series
  steepest filter photo.png --high-pass 0.05 --float -o detail.tif   signed values, unclipped

High-pass, band-pass and --residual-gain 0 remove the mean; zero is then mid-grey in 8- and 16-bit
results. Find times worth filtering with "steepest spectrum".
"""
    + LARGE
)
_KINDS = {
    "low-pass": "times above {:g}",
    "high-pass": "times below {:g}",
    "band-pass": "times {:g} to {:g}",
    "band-stop": "without times {:g} to {:g}",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``steepest filter``."""
    add_inputs(parser)
    kinds = parser.add_argument_group("filter (one of them)").add_mutually_exclusive_group(
        required=True
    )
    kinds.add_argument("--low-pass", type=positive, nargs=1, metavar="T", help="times above T")
    kinds.add_argument("--high-pass", type=positive, nargs=1, metavar="T", help="times below T")
    kinds.add_argument(
        "--band-pass", type=positive, nargs=2, metavar=("T0", "T1"), help="times from T0 to T1"
    )
    kinds.add_argument(
        "--band-stop", type=positive, nargs=2, metavar=("T0", "T1"), help="all other times"
    )
    kinds.add_argument(
        "--gains", type=numbers, metavar="G1,G2,..", help="one factor per band, fine to coarse"
    )
    parser.add_argument(
        "--residual-gain",
        type=number,
        metavar="G",
        help="with --gains: factor for what is left after the last time, including the mean "
        "(default 1)",
    )
    add_range(parser)
    add_bands(parser)
    add_model(parser, huber=False)
    add_tiles(parser)
    add_outputs(parser, "file, or folder for several images (default: NAME_filtered here)")


def run(arguments: argparse.Namespace) -> int:
    """Filter every image."""
    _check(arguments)
    values = values_of(arguments)
    if is_tiled(arguments):
        return _run_tiled(arguments)

    def compute(image: Image, record: Record, label: str) -> Image:
        dtype, outside, results = image.array.dtype, 0, []
        pages = Pages(image, arguments, label)
        for decomposition in pages:
            array, words = _apply(decomposition, arguments)
            if _drops_mean(arguments) and dtype.kind == "u":
                array = array + array.dtype.type(0.5)
                words += "; zero is mid-grey"
            outside += values.outside(array, dtype)
            results.append(values.back(array, dtype))
        record.tell("filter", words, filter=words)
        if arguments.gains is not None:
            pages.report_edges(record)
        _report_clipping(record, outside / image.array.size, dtype)
        pages.certify(record)
        return image.with_parts(results)

    return run_single(arguments, "filtered", compute)


def _run_tiled(arguments: argparse.Namespace) -> int:
    """Filter images that do not fit in memory."""
    from steepest import tiled

    keywords = band_keywords(arguments)
    written, words = list[_Written](), [""]

    def linear(decomposition: Any) -> np.ndarray:
        filtered, words[0] = _apply(decomposition, arguments)
        return filtered

    def solve(part: Any, out: Any, options: dict[str, Any]) -> Any:
        if written and isinstance(keywords.get("bands"), int):
            raise InputError(SEVERAL)
        written.append(_Written(out, 0.5 if _drops_mean(arguments) else 0.0))
        return at_the_end(tiled.apply_filter(part, linear, written[-1], **keywords, **options).flow)

    def report(record: Record, results: list[Any]) -> dict[str, Any]:
        dtype = written[0].kind
        grey = _drops_mean(arguments) and dtype.kind == "u"
        said = words[0] + ("; zero is mid-grey" if grey else "")
        record.tell("filter", said, filter=said)
        size = sum(np.prod(each.shape) for each in written)
        _report_clipping(record, sum(each.outside for each in written) / size, dtype, "")
        written.clear()
        return {"filter": said}

    return run_tiled(arguments, ["filtered"], solve, report)


class _Written:
    """A store that takes filtered values as floats, and keeps them in its own dtype."""

    def __init__(self, out: Any, grey: float) -> None:
        self._out, self.kind, self.outside = out, out.dtype, 0
        self.shape, self.chunks = out.shape[1:], out.chunks[1:]
        self.dtype = np.dtype("float64" if self.kind.name == "float64" else "float32")
        self._grey = grey if self.kind.kind == "u" else 0.0

    def __setitem__(self, index: tuple[Any, ...], array: np.ndarray) -> None:
        values, moved = Values(), array + array.dtype.type(self._grey)
        self.outside += values.outside(moved, self.kind)
        self._out[(0, *index)] = values.back(moved, self.kind)


def _check(arguments: argparse.Namespace) -> None:
    """Check that intervals are increasing and that the gains match the bands.

    The number of bands and the last time are set to what the filter needs.
    """
    if arguments.gains is None:
        kind, times = _chosen(arguments)
        if arguments.residual_gain is not None:
            raise InputError("--residual-gain: also give --gains; the other filters have their own")
        if len(times) == 2 and times[0] >= times[1]:
            raise InputError(f"--{kind}: {times[0]:g} is not below {times[1]:g}")
        last = times[-1]  # later times are not needed
        if arguments.t_max is not None and arguments.t_max < last:
            raise InputError(
                f"--t-max {arguments.t_max:g} is below the time {last:g} of the filter"
            )
        arguments.t_max = arguments.t_max or last
        arguments.bands, arguments.edges = None, []  # the filter does not use bands: one is enough
        return
    gains = arguments.gains
    known = len(arguments.edges) + 1 if arguments.edges else arguments.bands
    if known and known != len(gains):
        raise InputError(f"--gains: {len(gains)} factors for {known} bands")
    if not known:
        arguments.bands = len(gains)


def _chosen(arguments: argparse.Namespace) -> tuple[str, list[float]]:
    """Return the name and the times of a filter that is not given by gains."""
    every = {kind: getattr(arguments, kind.replace("-", "_")) for kind in _KINDS}
    return next((kind, times) for kind, times in every.items() if times)


def _drops_mean(arguments: argparse.Namespace) -> bool:
    return bool(arguments.high_pass or arguments.band_pass or arguments.residual_gain == 0)


def _apply(decomposition: Any, arguments: argparse.Namespace) -> tuple[np.ndarray, str]:
    """Return the filtered image as floats and a description of the filter."""
    from steepest import spectral

    if arguments.gains is None:
        kind, times = _chosen(arguments)
        filtered = getattr(spectral, kind.replace("-", "_"))(decomposition, *times)
        return filtered, f"{kind}, {_KINDS[kind].format(*times)}"
    found = len(decomposition.edges) - 1
    if found != len(arguments.gains):
        raise InputError(
            f"--gains: {len(arguments.gains)} factors, but {found} bands were found; "
            "give the times that separate the bands: --edges T1,T2,.."
        )
    gains = ", ".join(f"{gain:g}" for gain in arguments.gains)
    words = f"gains {gains} for the bands: {bands_in_words(decomposition.edges)}"
    rest = 1.0
    if arguments.residual_gain is not None:
        rest = arguments.residual_gain
        words += f"; gain {rest:g} for the residual"
    return decomposition.recompose(np.asarray(arguments.gains), rest), words


def _report_clipping(
    record: Record, share: float, dtype: np.dtype, advice: str = " (--float keeps them)"
) -> None:
    """Report the share of values that were clipped."""
    if dtype.kind != "u":
        return
    record.values["clipped_share"] = share
    if share > 0:
        record.tell(
            "clipped", f"{100 * share:.2g} % of the values did not fit into {dtype}{advice}"
        )
