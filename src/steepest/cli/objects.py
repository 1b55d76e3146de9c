"""``steepest objects``: write a table of the objects in each band."""

from __future__ import annotations

import argparse
import csv
import io
from collections.abc import Sequence

import numpy as np

from steepest.io import OutputSet

from .batch import Record, run_batch
from .inputs import check_targets, given_images, placed, read, without_copies
from .lengths import add_pixel_size, lengths_of
from .options import add_bands, add_inputs, add_model, add_outputs, number
from .pages import Pages
from .values import add_range, values_of

HELP = "a table of all objects: size, contrast and position (CSV)"
USAGE = "IMAGE [IMAGE ...] [options]"
DESCRIPTION = """\
Measure the objects in an image. The image is split into bands as by "steepest decompose". The
connected structures of each band, bright and dark, are listed in a table (CSV) with their size,
contrast, position, and the time at which they vanish from the total variation flow. A disc of
contrast c and radius r vanishes at t = c r / 2. Objects that noise could explain are left out, and
so are rims and other fragments of larger structures. Channels are measured one by one; give
--separate-channels unless they all show the same structures.
"""
EPILOG = """\
examples:
  steepest objects cells.tif                         writes cells_objects.csv
  steepest objects cells.tif --bands 4 -o cells.csv
  steepest objects cells.tif --edges 0.5,2 --pixel-size 0.25     sizes in micrometres
  steepest objects scan.tif --range 0 4095           12-bit data
  steepest objects film.tif --pages                  a time series, with a column for the page
  steepest objects scans/ -o tables                  one table for each image of a folder

columns of the table:
  page, channel, band   counted from 1; page and channel only where there are several
  area                  (3-D: volume, 1-D: length) in the unit of the file or of --pixel-size, else
                        in pixels
  diameter              of the disc (3-D: ball) with the same area
  contrast              object minus surroundings, negative for dark objects; on the scale from 0 to
                        1 for 8- and 16-bit images and with --range, else in grey values
  contrast_grey         the same in grey values of the file
  scale                 radius of the disc with this contrast that vanishes at this time: half the
                        diameter for discs, less for elongated shapes, clearly more if the edge of a
                        band splits the object
  time, peak_time       mean time at which the object vanishes; time at which most of it vanishes
  snr                   contrast times the square root of the number of pixels, divided by the noise
  border                1 if the object touches the border of the image
  z, y, x               centroid in pixels, from 0
  unit                  unit of the sizes
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``steepest objects``."""
    add_inputs(parser)
    add_pixel_size(parser)
    parser.add_argument(
        "--min-snr",
        type=number,
        default=8.0,
        metavar="R",
        help="smallest signal-to-noise ratio of an object (default 8; noise reaches about 6)",
    )
    add_range(parser)
    add_bands(parser)
    add_model(parser, huber=False)
    add_outputs(
        parser, "CSV file, or folder for several images (default: NAME_objects.csv here)",
        images=False,
    )  # fmt: skip


def run(arguments: argparse.Namespace) -> int:
    """Measure the objects in every image."""
    values = values_of(arguments)
    sources, folder = given_images(arguments), arguments.output or "."
    targets = {
        name: placed(name, arguments, folder, "_objects.csv", len(sources) > 1) for name in sources
    }
    check_targets(targets.values(), arguments.overwrite, "table")

    def work(source: str, label: str) -> Record:
        from steepest import spectral

        image, target = without_copies(read(source, arguments)), targets[source]
        record = Record(source, outputs=[target])
        record.describe(image, kept=False)
        values.report(record)
        lengths = lengths_of(arguments, image)
        lengths.report(record)
        pages = Pages(image, arguments, label, lengths.spacing)
        found = [
            spectral.objects(
                decomposition, min_snr=arguments.min_snr, pixel_size=lengths.pixel_size
            )
            for decomposition in pages
        ]
        with OutputSet(overwrite=arguments.overwrite) as outputs, outputs.open(target) as file:
            file.write(_table(found, pages, lengths.unit).encode())
        pages.report(record)
        _report(record, np.concatenate(found), len(pages.edges) - 1, lengths.unit)
        pages.certify(record)
        return record

    return run_batch(arguments, sources, work)


def _table(found: Sequence[np.ndarray], pages: Pages, unit: str) -> str:
    """Format the objects of all pages as CSV."""
    space = pages.image.space
    size = {1: "length", 2: "area", 3: "volume"}[len(space)]
    first, others = ["diameter", "contrast"], ["scale", "time", "peak_time", "snr"]
    columns = ["page"] * pages.series + ["channel"] * (pages.image.channel_axis is not None)
    columns += ["band", size, *first, "contrast_grey", *others, "border", *space.lower(), "unit"]
    in_file = pages.parts.values.in_file(1.0, pages.image.array.dtype)
    grey = 1.0 if in_file is None else float(in_file)
    text = io.StringIO()
    table = csv.DictWriter(text, columns, extrasaction="ignore", lineterminator="\n")
    table.writeheader()
    for page, objects in enumerate(found, 1):
        for row in objects:
            values = {
                "page": page,
                "channel": row["channel"] + 1,
                "band": row["band"] + 1,
                size: f"{row['area']:.6g}",
                **{name: f"{row[name]:.6g}" for name in (*first, *others)},
                "contrast_grey": f"{row['contrast'] * grey:.6g}",
                "border": int(row["border"]),
                "unit": unit.replace("\u00b5", "u"),  # spreadsheets assume ASCII in CSV files
            }
            places = zip(space.lower(), row["centroid"], strict=True)
            table.writerow(values | {axis: f"{place:.3f}" for axis, place in places})
    return text.getvalue()


def _report(record: Record, objects: np.ndarray, num_bands: int, unit: str) -> None:
    """Report the number and the sizes of the objects in each band."""
    counts = []
    for band in range(num_bands):
        own = objects[objects["band"] == band]
        counts.append(len(own))
        if not len(own):
            continue
        low, middle, high = np.quantile(own["diameter"], [0, 0.5, 1])
        count, sizes = "1 object", f"diameter {low:.3g} {unit}"
        if len(own) > 1:
            count = f"{len(own)} objects"
            sizes = f"diameter {low:.3g} to {high:.3g} {unit}, median {middle:.3g}"
        bright, dark = np.sum(own["contrast"] > 0), np.sum(own["contrast"] < 0)
        record.tell(f"band {band + 1}", f"{count} ({bright} bright, {dark} dark), {sizes}")
    if not len(objects):
        record.tell("objects", "none")
    record.values["objects"] = counts
