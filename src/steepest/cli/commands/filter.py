"""``steepest filter``: an equaliser for structures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, Any

import numpy as np
from cyclopts import Parameter

import steepest
from steepest.core.errors import InputError
from steepest.io import Image

from .. import choices
from ..certificates import bounds
from ..decompositions import Decompositions, bands_in_words
from ..grey import Values, values_of
from ..runner import Batch, Item
from ..tiles import at_the_end
from ..types import Images, Number, Numbers, Pair, Positive

_KINDS = {
    "low_pass": "times above {:g}",
    "high_pass": "times below {:g}",
    "band_pass": "times {:g} to {:g}",
    "band_stop": "without times {:g} to {:g}",
}
_Apply = Callable[[Any], tuple[np.ndarray, str]]  # a decomposition to a filtered image, in words
_FILTER = Parameter(group="Filter (one of them)")


def filter(
    *images: Images,
    low_pass: Annotated[Positive | None, _FILTER, Parameter(metavar="T")] = None,
    high_pass: Annotated[Positive | None, _FILTER, Parameter(metavar="T")] = None,
    band_pass: Annotated[Pair | None, _FILTER] = None,
    band_stop: Annotated[Pair | None, _FILTER] = None,
    gains: Annotated[Numbers | None, _FILTER, Parameter(metavar="G1,G2,..")] = None,
    residual_gain: Number | None = None,
    grey: choices.RangeChoice = choices.RangeChoice(),
    bands: choices.Bands = choices.Bands(),
    energy: choices.EnergyChoice = choices.EnergyChoice(),
    solver: choices.SolverChoice = choices.SolverChoice(),
    tiles: choices.TilesChoice = choices.TilesChoice(),
    reading: choices.Reading = choices.Reading(),
    writing: choices.ImageWriting = choices.ImageWriting(),
) -> Batch:
    """Keep, remove or amplify structures by their contrast and size.

    Spectral filters of the total variation transform. Time plays the role of the wavelength: small
    and faint structures have small times, large and strong ones have large times. Edges stay sharp.
    The pages of a time series are filtered one by one, all in the same way.

    Parameters
    ----------
    low_pass
        times above T
    high_pass
        times below T
    band_pass
        times from T0 to T1
    band_stop
        all other times
    gains
        one factor per band, fine to coarse
    residual_gain
        with --gains: factor for what is left after the last time, including the mean (default 1)
    writing.output
        file, or folder for several images (default: NAME_filtered here)

    Examples
    --------
    steepest filter photo.png --low-pass 0.05       what vanishes after t = 0.05
    steepest filter photo.png --high-pass 0.05      only small or faint structures
    steepest filter photo.png --band-stop 0.01 0.1  without wrinkles, or grain
    steepest filter photo.png --edges 0.01,0.1 --gains 0,1,2  remove, keep, double
    steepest filter photo.png --gains 1,0 --residual-gain 0  the finer one
    steepest filter photo.png --high-pass 0.05 --float -o detail.tif  with signs

    Notes
    -----
    High-pass, band-pass and --residual-gain 0 remove the mean; zero is then mid-grey in 8- and
    16-bit results. Find times worth filtering with "steepest spectrum".
    """
    kinds = dict(low_pass=low_pass, high_pass=high_pass, band_pass=band_pass, band_stop=band_stop)
    choices.only_one(**kinds, gains=gains)
    chosen = {kind: value for kind, value in kinds.items() if value}
    if residual_gain is not None and gains is None:
        raise InputError("--residual-gain: also give --gains; the other filters have their own")
    if not chosen and gains is None:
        raise InputError("--low-pass, --high-pass, --band-pass, --band-stop or --gains is needed")
    if gains is None:
        bands, apply = _of_times(*chosen.popitem(), bands)
    else:
        bands, apply = _with_gains(gains, residual_gain, bands)
    centred = bool(high_pass or band_pass or residual_gain == 0)
    values = values_of(grey, floats=writing.float)
    large = tiles.wanted(images, reading, grey, **writing.of_pixels)

    def work(item: Item) -> None:
        image = item.read(reading, values)
        energy.report(item)
        (by_tiles if large else in_memory)(item, image)

    def in_memory(item: Item, image: Image) -> None:
        dtype, outside = image.array.dtype, 0
        pages, results = Decompositions(item, image, values, bands, grey, energy, solver), []
        for decomposition in pages:
            array, words = apply(decomposition)
            if centred and dtype.kind == "u":
                array, words = array + array.dtype.type(0.5), f"{words}; zero is mid-grey"
            outside += values.outside(array, dtype)
            results.append(values.back(array, dtype))
        item.write(item.files["image"], image.with_parts(results))
        item.report("filter", words, filter=words)
        if gains is not None:
            pages.report_edges()
        _report_clipping(item, outside / image.array.size, dtype, " (--float keeps them)")
        pages.certify()

    def by_tiles(item: Item, image: Any) -> None:
        words, written = "", list[_Written]()

        def linear(decomposition: Any) -> np.ndarray:
            nonlocal words
            filtered, words = apply(decomposition)
            return filtered

        def compute(page: Any, keywords: dict[str, Any]) -> Any:
            written.append(_Written(keywords.pop("out"), 0.5 if centred else 0.0))
            result = steepest.spectral.apply_filter(page, linear, out=written[-1], **keywords)
            return at_the_end(result.flow)

        results = item.solve(image, compute, bands, energy, solver, tiles=tiles, names=["filtered"])
        dtype = image.array.dtype
        words += "; zero is mid-grey" if centred and dtype.kind == "u" else ""
        item.report("filter", words, filter=words)
        _report_clipping(item, sum(each.outside for each in written) / image.array.size, dtype)
        item.certify(results, bounds)

    sources = reading.sources(images, writing.output, large=large)
    return Batch(sources, work, writing.one_image("filtered"), writing.overwrite)


def _with_gains(
    gains: tuple[float, ...], residual_gain: float | None, bands: choices.Bands
) -> tuple[choices.Bands, _Apply]:
    """The bands that have these gains, and the filter."""
    known = len(bands.edges) + 1 if bands.edges else bands.bands
    if known and known != len(gains):
        raise InputError(f"--gains: {len(gains)} factors for {known} bands")
    rest = 1.0 if residual_gain is None else residual_gain

    def apply(decomposition: Any) -> tuple[np.ndarray, str]:
        found = len(decomposition.edges) - 1
        if found != len(gains):
            raise InputError(
                f"--gains: {len(gains)} factors, but {found} bands were found; give the times that "
                "separate the bands: --edges T1,T2,.."
            )
        words = f"gains {', '.join(f'{gain:g}' for gain in gains)} for the bands: "
        words += bands_in_words(decomposition.edges)
        words += "" if residual_gain is None else f"; gain {rest:g} for the residual"
        return decomposition.recompose(np.asarray(gains), rest), words

    return bands if known else replace(bands, bands=len(gains)), apply


def _of_times(kind: str, value: Any, bands: choices.Bands) -> tuple[choices.Bands, _Apply]:
    """The one band and the last time that a filter by times needs, and the filter."""
    times, option = np.atleast_1d(value).tolist(), kind.replace("_", "-")
    if len(times) == 2 and times[0] >= times[1]:
        raise InputError(f"--{option}: {times[0]:g} is not below {times[1]:g}")
    last = times[-1]  # later times are not needed
    if bands.t_max is not None and bands.t_max < last:
        raise InputError(f"--t-max {bands.t_max:g} is below the time {last:g} of the filter")

    def apply(decomposition: Any) -> tuple[np.ndarray, str]:
        words = f"{option}, {_KINDS[kind].format(*times)}"
        return getattr(steepest.spectral, kind)(decomposition, *times), words

    return replace(bands, bands=None, edges=(), t_max=bands.t_max or last), apply


class _Written:
    """A store that takes filtered values as floats, and keeps them in its own dtype."""

    def __init__(self, out: Any, grey: float) -> None:
        self._out, self._kind, self.outside = out, out.dtype, 0
        self.shape, self.chunks = out.shape, out.chunks
        self.dtype = np.dtype("float64" if self._kind.name == "float64" else "float32")
        self._grey = grey if self._kind.kind == "u" else 0.0

    def __setitem__(self, index: tuple[Any, ...], array: np.ndarray) -> None:
        values, moved = Values(), array + array.dtype.type(self._grey)
        self.outside += values.outside(moved, self._kind)
        self._out[index] = values.back(moved, self._kind)


def _report_clipping(item: Item, share: float, dtype: np.dtype, advice: str = "") -> None:
    """Report the share of values that were clipped."""
    if dtype.kind != "u":
        return
    item.values["clipped_share"] = share
    if share > 0:
        item.report(
            "clipped", f"{100 * share:.2g} % of the values did not fit into {dtype}{advice}"
        )
