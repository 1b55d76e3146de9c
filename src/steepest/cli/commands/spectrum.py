"""``steepest spectrum``: compute the amount of structure of an image at each scale."""

from pathlib import Path
from typing import Any

import numpy as np

from .. import choices
from ..decompositions import Decompositions
from ..extras import need_figures
from ..grey import RangeChoice, values_of
from ..runner import Batch, Item
from ..sources import Source
from ..types import Images


def spectrum(
    *images: Images,
    csv: bool = False,
    no_figures: bool = False,
    grey: RangeChoice = RangeChoice(),
    bands: choices.Bands = choices.Bands(),
    energy: choices.EnergyChoice = choices.EnergyChoice(),
    solver: choices.SolverChoice = choices.SolverChoice(),
    reading: choices.Reading = choices.Reading(),
    writing: choices.Writing = choices.Writing(),
) -> Batch:
    """Show how much structure an image has at each scale, as a figure and a table.

    The total variation spectrum S(t): how much of the image vanishes at time t of the flow. A peak
    indicates structures of the same contrast times size; the valleys between peaks are good edges
    for bands. For a time series, the figure has one row per page and the table a column for the
    page.

    Parameters
    ----------
    csv
        also a table with columns t, S (of a series: page, t, S)
    no_figures
        write no PNG figure
    writing.output
        folder, or .png file for one image (default: here)

    Examples
    --------
    steepest spectrum photo.png            writes photo_spectrum.png
    steepest spectrum photo.png --csv      also the numbers, photo_spectrum.csv
    steepest spectrum photo.png --bands 5  with five bands shaded
    steepest spectrum scans/ -o spectra    every image of a folder
    """
    if not no_figures:
        need_figures()
    values = values_of(grey)

    def files(source: Source) -> dict[str, Path]:
        kind = "table" if no_figures else "figure"
        ending = "_spectrum.csv" if no_figures else "_spectrum.png"
        first = source.file_at(writing.output or ".", ending, kind)
        found = {} if no_figures else {"figure": first}
        return found | ({"table": first.with_suffix(".csv")} if csv else {})

    def work(item: Item) -> None:
        image = item.read(reading, values, kept=False)
        pages = Decompositions(item, image, bands, grey, energy, solver)
        spectra = [(each.times, each.spectrum) for each in pages]
        pages.draw_spectra("figure", spectra)
        rows: list[list[Any]] = [["page", "t", "S"]]
        rows += [
            [page, repr(float(t)), repr(float(s))]
            for page, found in enumerate(spectra, 1)
            for t, s in zip(*found, strict=True)
        ]
        item.write("table", [row[not pages.series :] for row in rows])
        _report(item, spectra, pages)
        pages.certify()

    return Batch(reading.sources(images, writing.output), work, files, writing.overwrite)


def _report(item: Item, spectra: list[Any], pages: Decompositions) -> None:
    """Report the peaks, of a series those of its mean spectrum, the bands, and all values."""
    times = [float(t) for t in spectra[0][0]]
    values = np.array([spectrum for _, spectrum in spectra], dtype=float)
    mean = values.mean(axis=0)
    high = (mean[:-2] < mean[1:-1]) & (mean[1:-1] >= mean[2:]) & (mean[1:-1] > 0.05 * mean.max())
    peaks = [times[i + 1] for i in np.flatnonzero(high)]
    if peaks:
        where = " (mean over the pages)" if pages.series else ""
        item.report("peaks", "t = " + ", ".join(f"{t:.3g}" for t in peaks) + where)
    pages.report()
    spectrum = (values if pages.series else values[0]).tolist()
    item.values.update(times=times, spectrum=spectrum, peaks=peaks)
