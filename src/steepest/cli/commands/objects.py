"""``steepest objects``: write a table of the objects in each band."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import steepest
from steepest.core.numbers import counted
from steepest.io import Image

from .. import choices
from ..decompositions import Decompositions
from ..grey import values_of
from ..runner import Batch, Item
from ..sizes import SIZES, PixelSize, lengths_of, object_rows
from ..sources import Source
from ..types import Images, Number


def objects(
    *images: Images,
    pixel_size: PixelSize = None,
    min_snr: Number = 8.0,
    grey: choices.RangeChoice = choices.RangeChoice(),
    bands: choices.Bands = choices.Bands(),
    energy: choices.VariationChoice = choices.VariationChoice(),
    solver: choices.SolverChoice = choices.SolverChoice(),
    reading: choices.Reading = choices.Reading(),
    writing: choices.Writing = choices.Writing(),
) -> Batch:
    """A table of all objects: size, contrast and position (CSV).

    The image is split into bands as by "steepest decompose". The
    connected structures of each band, bright and dark, are listed in a table (CSV) with their size,
    contrast, position, and the time at which they vanish from the total variation flow. A disc of
    contrast c and radius r vanishes at t = c r / 2. Objects that noise could explain are left out,
    and so are rims and other fragments of larger structures. Channels are measured one by one; give
    --separate-channels unless they all show the same structures.

    Parameters
    ----------
    min_snr
        smallest signal-to-noise ratio of an object (noise reaches about 6)
    writing.output
        CSV file, or folder for several images (default: NAME_objects.csv here)

    Examples
    --------
    steepest objects cells.tif                    writes cells_objects.csv
    steepest objects cells.tif --bands 4 -o cells.csv
    steepest objects cells.tif --pixel-size 0.25  sizes in micrometres
    steepest objects film.tif --pages             with a column for the page

    columns of the table:
      page, channel, band  from 1; page and channel only where there are several
      area                 (3-D: volume, 1-D: length) in the unit of the file, of
                           --pixel-size, or in pixels
      diameter             of the disc (3-D: ball) with the same area
      contrast             object minus surroundings, negative for dark objects;
                           from 0 to 1 for 8- and 16-bit images and with --range
      contrast_grey        the same in grey values of the file
      scale                radius of the disc with this contrast that vanishes at
                           this time: half the diameter for discs, less for long
                           shapes, more if the edge of a band splits the object
      time, peak_time      mean time at which it vanishes; when most of it does
      snr                  contrast times the root of the number of pixels, over
                           the noise
      border               1 if the object touches the border of the image
      z, y, x              centroid in pixels, from 0
      unit                 unit of the sizes
    """
    values = values_of(grey)

    def work(item: Item) -> None:
        image = item.read(reading, values, prepare=Image.without_copies, kept=False)
        lengths = lengths_of(item, image, pixel_size, energy)
        pages = Decompositions(item, image, bands, grey, energy, lengths, solver)
        keywords = {"min_snr": min_snr, "pixel_size": lengths.pixel_size}
        found = [steepest.spectral.objects(each, **keywords) for each in pages]
        item.write("table", _table(found, pages, lengths.unit))
        pages.report()
        _report(item, np.concatenate(found), len(pages.edges) - 1, lengths.unit)
        pages.certify()

    def files(source: Source) -> dict[str, Path]:
        return {"table": source.file_at(writing.output or ".", "_objects.csv", "table")}

    return Batch(reading.sources(images, writing.output), work, files, writing.overwrite)


def _table(found: Sequence[np.ndarray], pages: Decompositions, unit: str) -> list[list[Any]]:
    """The objects of all pages as rows."""
    image, series = pages.image, pages.series
    several = image.channel_axis is not None
    first, others = ["diameter", "contrast"], ["scale", "time", "peak_time", "snr"]
    head = ["page"] * series + ["channel"] * several + ["band", SIZES[len(image.space)], *first]
    in_file = pages.item.grey.in_file(1.0, image.array.dtype)
    grey = 1.0 if in_file is None else float(in_file)

    def cells(page: int, row: Any) -> list[Any]:
        numbers = [row["area"], *row[first], row["contrast"] * grey, *row[others]]
        own = [page] * series + [row["channel"] + 1] * several + [row["band"] + 1]
        return [*own, *(f"{number:.6g}" for number in numbers)]

    return object_rows(found, [*head, "contrast_grey", *others], cells, image.space, unit)


def _report(item: Item, objects: np.ndarray, num_bands: int, unit: str) -> None:
    """Report the number and the sizes of the objects in each band."""
    bands = [objects[objects["band"] == band] for band in range(num_bands)]
    item.values["objects"] = [len(own) for own in bands]
    for band, own in enumerate(bands, 1):
        if not len(own):
            continue
        low, middle, high = np.quantile(own["diameter"], [0, 0.5, 1])
        sizes = f"diameter {low:.3g} {unit}"
        if len(own) > 1:
            sizes = f"diameter {low:.3g} to {high:.3g} {unit}, median {middle:.3g}"
        bright, dark = np.sum(own["contrast"] > 0), np.sum(own["contrast"] < 0)
        count = counted(len(own), "object")
        item.report(f"band {band}", f"{count} ({bright} bright, {dark} dark), {sizes}")
    if not len(objects):
        item.report("objects", "none")
