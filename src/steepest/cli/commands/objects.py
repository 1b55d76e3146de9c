"""``steepest objects``: find compact objects, measure them, and show what was found."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

import steepest
from steepest.core.errors import InputError
from steepest.io import Image

from .. import choices
from ..grey import RangeChoice, values_of
from ..runner import Batch, Item
from ..sizes import Lengths, PixelSize, lengths_of
from ..sources import Source
from ..types import Count, Images, MoreFiles, Positive

_MOST = 65535  # labels in files of 16 bits


def objects(
    *images: Images,
    min_score: Positive = 5.0,
    polarity: Literal["both", "bright", "dark"] = "both",
    min_area: Count = 20,
    overlay: MoreFiles = None,
    labels: MoreFiles = None,
    pixel_size: PixelSize = None,
    grey: RangeChoice = RangeChoice(),
    spacing: choices.Spacing = choices.Spacing(),
    reading: choices.Reading = choices.Reading(),
    writing: choices.Writing = choices.Writing(),
) -> Batch:
    """A table of all objects: size, contrast and position (CSV).

    Find compact objects, such as cells, grains, particles or coins, and list them in a table (CSV),
    the clearest first. An object is a region with an edge around it, brighter or darker than what
    surrounds it, with a shape not too far from an ellipse; objects that touch are divided at
    their necks. Nothing has to be set: a threshold follows from the edges of each object. White
    noise has no objects. Colours are averaged.

    Look at the result with --overlay. If it also marks texture, raise --min-score to 8 or 12.

    Parameters
    ----------
    min_score
        least evidence, about the number of pixels of a clear contour
    polarity
        bright objects, dark ones, or both
    min_area
        least size in pixels
    overlay
        picture (PNG) of the numbered outlines
    labels
        image with the number of the object at each pixel
    writing.output
        CSV file, or folder for several images (default: NAME_objects.csv here)

    Examples
    --------
    steepest objects cells.tif                    writes cells_objects.csv
    steepest objects coins.png --overlay found.png --labels labels.png
    steepest objects stained.png --polarity dark  dark nuclei on white
    steepest objects cells.tif --pixel-size 0.25  sizes in micrometres
    steepest objects film.tif --pages             with a column for the page

    columns of the table:
      page, object    from 1; page only in series. The number is that of the labels
      area            (3-D: volume) in the unit of the file, of --pixel-size, or in
                      pixels
      diameter        of the disc (3-D: ball) with the same area
      contrast        object minus surroundings, negative for dark objects; from 0 to
                      1 for 8- and 16-bit images and with --range
      contrast_grey   the same in grey values of the file
      score, edge     evidence of edges: along the whole contour, and its mean (at
                      most 1)
      snr             contrast times the root of the number of pixels, over the noise
      border          1 if the object touches the border of the image
      z, y, x         centroid, in the unit of the sizes, from the first pixel
      unit            unit of the sizes

    Notes
    -----
    Vessels, fibres and other long structures are not objects, and objects are not nested. Where
    many cells touch without a neck between them, networks trained on such cells find more.
    """
    values = values_of(grey)

    def files(source: Source) -> dict[str, Path]:
        return source.more_files(
            table=(writing.output or ".", "_objects.csv", "table"),
            overlay=(overlay, "_objects.png", "figure"),
            labels=(labels, f"_labels{source.ending_of_labels}", "mask"),
        )

    def like(image: Image) -> dict[str, Image]:
        return {"labels": image.of_numbers()}

    def work(item: Item) -> None:
        image = item.read(reading, values, prepare=Image.without_copies, like=like, kept=False)
        lengths = lengths_of(item, image, pixel_size, spacing)
        options: dict[str, Any] = {"spacing": lengths.steps(len(image.space))}

        def compute(page: np.ndarray, keywords: dict[str, Any]) -> Any:
            axis = keywords.get("channel_axis")
            return steepest.segmentation.find_objects(
                item.grey.compute(page), min_score, polarity, min_area, channel_axis=axis, **options
            )

        pages = item.solve(image, compute)
        item.write("table", _table(item, pages, image, lengths))
        if labels is not None and (most := max(len(page) for page in pages)) > _MOST:
            raise InputError(f"{image.name}: {most} objects; label images hold up to {_MOST}")
        item.write("labels", image.of_numbers([page.labels.astype(np.uint16) for page in pages]))
        height, width = pages[0].labels.shape[-2:]
        size = min(max(width / height, 0.4), 3.0) ** 0.5
        item.draw(
            "overlay", "object_overlay", image.parts[0], pages[0],
            size=(7 * size, 7 / size + 0.4), channel_axis=image.channel_axis,
            title=item.source.stem, note="page 1" if len(pages) > 1 else "",
        )  # fmt: skip
        _report(item, pages, lengths.unit)

    return Batch(reading.sources(images, writing.output), work, files, writing.overwrite)


def _table(item: Item, pages: Sequence[Any], image: Image, lengths: Lengths) -> list[list[Any]]:
    """The objects of all pages as rows."""
    steps, axes = lengths.steps(len(image.space)), image.space.lower()
    size, series = {2: "area", 3: "volume"}[len(axes)], len(pages) > 1
    measures = ["diameter", "contrast", "contrast_grey", "score", "edge", "snr"]
    rows: list[list[Any]] = [
        [*["page"] * series, "object", size, *measures, "border", *axes, "unit"]
    ]
    in_file = item.grey.in_file(1.0, image.array.dtype)
    unit = lengths.unit.replace("\u00b5", "u")  # spreadsheets assume ASCII in CSV files
    for number, page in enumerate(pages, 1):
        for row in page.table:
            contrast_grey = row["contrast"] * (1.0 if in_file is None else float(in_file))
            numbers = [row["area"], row["diameter"], row["contrast"], contrast_grey]
            numbers += [row["score"], row["edge"], row["snr"]]
            place = [f"{at * step:.6g}" for at, step in zip(row["centroid"], steps, strict=True)]
            cells = [row["label"], *(f"{each:.6g}" for each in numbers), int(row["border"])]
            rows.append([*[number] * series, *cells, *place, unit])
    return rows


def _report(item: Item, pages: Sequence[Any], unit: str) -> None:
    """Report the number and the sizes of the objects."""
    table = np.concatenate([page.table for page in pages])
    text = "none"
    if table.size:
        bright = int(np.count_nonzero(table["contrast"] > 0))
        low, middle, high = np.quantile(table["diameter"], [0, 0.5, 1])
        text = f"{table.size} ({bright} bright, {table.size - bright} dark), diameter {low:.3g}"
        text += f" to {high:.3g} {unit}, median {middle:.3g}" if table.size > 1 else f" {unit}"
    counts = [len(page) for page in pages]
    item.report("objects", text, objects=counts if len(pages) > 1 else counts[0])
