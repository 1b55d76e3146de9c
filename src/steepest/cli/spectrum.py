"""``steepest spectrum``: compute the amount of structure of an image at each scale."""

from __future__ import annotations

import argparse
import csv
import io
from pathlib import Path
from typing import Any

import numpy as np

from steepest.io import OutputSet, check_kind
from steepest.io.kinds import names_a_file

from .batch import Record, run_batch
from .figures import need_figures, spectrum_of, write_figure
from .inputs import check_targets, given_images, placed, read, stem
from .options import add_bands, add_inputs, add_model, add_outputs
from .pages import Pages
from .values import add_range, values_of

HELP = "show how much structure an image has at each scale, as a figure and a table"
USAGE = "IMAGE [IMAGE ...] [options]"
DESCRIPTION = """\
The total variation spectrum S(t): how much of the image vanishes at time t of the flow. A peak
indicates structures of the same contrast times size; the valleys between peaks are good edges for
bands. For a time series, the figure has one row per page and the table a column for the page.
"""
EPILOG = """\
examples:
  steepest spectrum photo.png                  writes photo_spectrum.png
  steepest spectrum photo.png --csv            also the numbers, photo_spectrum.csv
  steepest spectrum photo.png --bands 5        with five bands shaded
  steepest spectrum scans/ -o spectra          every image of a folder
  steepest spectrum film.tif --pages --csv     a time series: one spectrum per page
  steepest spectrum photo.png --json           print the numbers
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``steepest spectrum``."""
    add_inputs(parser)
    parser.add_argument(
        "--csv",
        action="store_true",
        help="also a table with columns t, S (of a series: page, t, S)",
    )
    parser.add_argument("--no-figures", action="store_true", help="write no PNG figure")
    add_range(parser)
    add_bands(parser)
    add_model(parser, huber=False)
    add_outputs(parser, "folder, or .png file for one image (default: here)", images=False)


def run(arguments: argparse.Namespace) -> int:
    """Compute the spectrum of every image."""
    values_of(arguments)
    if not arguments.no_figures:
        need_figures()
    sources = given_images(arguments)
    plans = {name: _targets(name, arguments, len(sources) > 1) for name in sources}
    for kind in ("figure", "table"):
        targets = [plan[kind] for plan in plans.values() if kind in plan]
        check_targets(targets, arguments.overwrite, kind)

    def work(source: str, label: str) -> Record:
        image = read(source, arguments)
        record = Record(source)
        record.describe(image, kept=False)
        values_of(arguments).report(record)
        pages = Pages(image, arguments, label)
        spectra = [(each.times, each.spectrum) for each in pages]
        with OutputSet(overwrite=arguments.overwrite) as outputs:
            _write(plans[source], spectra, pages, stem(source), outputs)
            record.outputs = list(outputs.paths)
        _report(record, spectra, pages)
        pages.certify(record)
        return record

    return run_batch(arguments, sources, work)


def _targets(name: str, arguments: argparse.Namespace, several: bool) -> dict[str, Path]:
    """Return the requested files, figure and table, of one image."""
    figure = placed(name, arguments, arguments.output or ".", "_spectrum.png", several)
    if arguments.no_figures and names_a_file(arguments.output or "."):
        check_kind(figure, "table")
    wanted = {} if arguments.no_figures else {"figure": figure}
    return wanted | ({"table": figure.with_suffix(".csv")} if arguments.csv else {})


def _write(
    plan: dict[str, Path], spectra: list[Any], pages: Pages, name: str, outputs: OutputSet
) -> None:
    if "figure" in plan:
        write_figure(plan["figure"], spectrum_of(spectra, pages, name), outputs)
    if "table" in plan:
        rows = [
            [str(page + 1), repr(float(t)), repr(float(s))]
            for page, (times, spectrum) in enumerate(spectra)
            for t, s in zip(times, spectrum, strict=True)
        ]
        first = 0 if pages.series else 1
        text = io.StringIO()
        table = csv.writer(text, lineterminator="\n")
        table.writerows(row[first:] for row in [["page", "t", "S"], *rows])
        with outputs.open(plan["table"]) as file:
            file.write(text.getvalue().encode())


def _report(record: Record, spectra: list[Any], pages: Pages) -> None:
    """Report the peaks and bands in words, and all values in JSON.

    The peaks of a series are those of its mean spectrum.
    """
    times = [float(t) for t in spectra[0][0]]
    values = np.array([spectrum for _, spectrum in spectra], dtype=float)
    mean = values.mean(axis=0)
    peaks = [
        times[i]
        for i in range(1, len(mean) - 1)
        if mean[i - 1] < mean[i] >= mean[i + 1] and mean[i] > 0.05 * max(mean)
    ]
    if peaks:
        where = " (mean over the pages)" if pages.series else ""
        record.tell("peaks", "t = " + ", ".join(f"{t:.3g}" for t in peaks) + where)
    pages.report(record)
    spectrum = (values if pages.series else values[0]).tolist()
    record.values.update(times=times, spectrum=spectrum, peaks=peaks)
