"""``steepest filter``: an equaliser for structures."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Annotated, Any

import numpy as np
from cyclopts import Parameter

import steepest
from steepest.core.errors import InputError

from .. import choices
from ..certificates import bounds
from ..decompositions import Decompositions, bands_in_words
from ..grey import RangeChoice, Values, values_of
from ..runner import Batch, Item
from ..tiles import at_the_end
from ..types import Images, Number, Numbers, Pair, Positive

_KINDS = {
    "low_pass": "times above {:g}",
    "high_pass": "times below {:g}",
    "band_pass": "times {:g} to {:g}",
    "band_stop": "without times {:g} to {:g}",
}
_Linear = Callable[[Any], np.ndarray]  # a decomposition to a filtered image
_FILTER = Parameter(group="Filter (one of them)")


def filter(
    *images: Images,
    low_pass: Annotated[Positive | None, _FILTER, Parameter(metavar="T")] = None,
    high_pass: Annotated[Positive | None, _FILTER, Parameter(metavar="T")] = None,
    band_pass: Annotated[Pair | None, _FILTER] = None,
    band_stop: Annotated[Pair | None, _FILTER] = None,
    gains: Annotated[Numbers | None, _FILTER, Parameter(metavar="G1,G2,..")] = None,
    residual_gain: Number | None = None,
    grey: RangeChoice = RangeChoice(),
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
    16-bit results. Find times worth filtering with "steepest decompose".
    """
    kinds = dict(low_pass=low_pass, high_pass=high_pass, band_pass=band_pass, band_stop=band_stop)
    choices.only_one(**kinds, gains=gains)
    chosen = {kind: value for kind, value in kinds.items() if value}
    if residual_gain is not None and gains is None:
        raise InputError("--residual-gain: also give --gains; the other filters have their own")
    if not chosen and gains is None:
        raise InputError("--low-pass, --high-pass, --band-pass, --band-stop or --gains is needed")
    if gains is None:
        bands, linear, words = _of_times(*chosen.popitem(), bands)
    else:
        bands, linear, words = _with_gains(gains, residual_gain, bands)
    centred = bool(high_pass or band_pass or residual_gain == 0)
    values = values_of(grey, floats=writing.float)
    large = tiles.wanted(images, reading, grey, **writing.of_pixels)

    def work(item: Item) -> None:
        image = item.read(reading, values)
        energy.report(item)
        dtype = np.dtype(image.array.dtype)
        written = _Written(item.grey, dtype, 0.5 if centred and dtype.kind == "u" else 0.0)
        if large:

            def compute(page: Any, keywords: dict[str, Any]) -> Any:
                out = replace(written, out=keywords.pop("out"))
                return steepest.spectral.apply_filter(page, linear, out=out, **keywords)

            results = item.solve(
                image, compute, bands, energy, solver, tiles=tiles, names=["filtered"]
            )
            edges, advice = results[-1].edges, ""
        else:
            pages = Decompositions(item, image, bands, grey, energy, solver)
            item.write("image", image.with_parts([written.back(linear(each)) for each in pages]))
            edges, advice = pages.edges, " (--float keeps them)"
        text = words + (f"{bands_in_words(edges)}" if gains else "")
        text += "" if residual_gain is None else f"; gain {residual_gain:g} for the residual"
        text += "; zero is mid-grey" if written.shift else ""
        item.report("filter", text, filter=text)
        if not large and gains is not None:
            pages.report_edges()
        if dtype.kind == "u":
            item.values["clipped_share"] = share = sum(written.outside) / image.array.size
            if share:
                text = f"{100 * share:.2g} % of the values did not fit into {dtype}{advice}"
                item.report("clipped", text)
        if large:
            item.certify([at_the_end(each.flow) for each in results], bounds)
        else:
            pages.certify()

    sources = reading.sources(images, writing.output, large=large)
    return Batch(sources, work, writing.one_image("filtered"), writing.overwrite)


def _with_gains(
    gains: tuple[float, ...], residual_gain: float | None, bands: choices.Bands
) -> tuple[choices.Bands, _Linear, str]:
    """The bands that have these gains, the filter, and how to describe it."""
    known = len(bands.edges) + 1 if bands.edges else bands.bands
    if known and known != len(gains):
        raise InputError(f"--gains: {len(gains)} factors for {known} bands")

    def linear(split: Any) -> np.ndarray:
        found = len(split.edges) - 1
        if found != len(gains):
            raise InputError(
                f"--gains: {len(gains)} factors, but {found} bands were found; give the times that "
                "separate the bands: --edges T1,T2,.."
            )
        rest = 1.0 if residual_gain is None else residual_gain
        return np.asarray(split.recompose(np.asarray(gains), rest))

    words = f"gains {', '.join(f'{gain:g}' for gain in gains)} for the bands: "
    return bands if known else replace(bands, bands=len(gains)), linear, words


def _of_times(kind: str, value: Any, bands: choices.Bands) -> tuple[choices.Bands, _Linear, str]:
    """The one band and the last time that a filter by times needs, the filter, and its name."""
    times, option = np.atleast_1d(value).tolist(), kind.replace("_", "-")
    if len(times) == 2 and times[0] >= times[1]:
        raise InputError(f"--{option}: {times[0]:g} is not below {times[1]:g}")
    last = times[-1]  # later times are not needed
    if bands.t_max is not None and bands.t_max < last:
        raise InputError(f"--t-max {bands.t_max:g} is below the time {last:g} of the filter")

    def linear(split: Any) -> np.ndarray:
        return np.asarray(getattr(steepest.spectral, kind)(split, *times))

    bands = replace(bands, bands=None, edges=(), t_max=bands.t_max or last)
    return bands, linear, f"{option}, {_KINDS[kind].format(*times)}"


@dataclass(frozen=True)
class _Written:
    """Filtered floats become numbers of the file: a ``shift`` is added, and integers are clipped.

    As a store, it takes floats, and keeps them in the dtype of ``out``. ``outside`` counts what was
    clipped.
    """

    values: Values
    kind: np.dtype
    shift: float
    out: Any = None
    outside: list[int] = field(default_factory=list)

    dtype = property(lambda self: np.dtype("float64" if self.kind == np.float64 else "float32"))
    shape = property(lambda self: self.out.shape)
    chunks = property(lambda self: self.out.chunks)

    def back(self, array: np.ndarray) -> np.ndarray:
        moved = array + array.dtype.type(self.shift)
        self.outside.append(self.values.outside(moved, self.kind))
        return self.values.back(moved, self.kind)

    def __setitem__(self, index: tuple[Any, ...], array: np.ndarray) -> None:
        self.out[index] = self.back(array)
