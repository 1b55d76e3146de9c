"""``steepest spectrum``: how much structure an image has at each scale."""

from __future__ import annotations

import argparse
import csv
import io
from pathlib import Path
from time import perf_counter
from typing import Any

from steepest.core.errors import InputError
from steepest.io import OutputSet, check_kind
from steepest.io.kinds import names_a_file

from .batch import Record, run_batch
from .certificates import certificate
from .decompose import bands_in_words, decompose_image, single
from .figures import need_figures, write_figure
from .inputs import check_targets, given_images, read, stem, subfolder
from .options import add_bands, add_inputs, add_model, add_outputs

HELP = "how much structure there is at each scale: S(t) as figure and table"
USAGE = "IMAGE [IMAGE ...] [options]"
DESCRIPTION = """\
The total variation spectrum S(t): how much of an image vanishes at the time t of the flow. Peaks
are structures of one contrast times size; the valleys between them are good edges for bands.
"""
EPILOG = """\
examples:
  steepest spectrum photo.png                  figure photo_spectrum.png
  steepest spectrum photo.png --csv            and the numbers, photo_spectrum.csv
  steepest spectrum photo.png --bands 5        with five bands shaded
  steepest spectrum scans/ -o spectra          every image of a folder
  steepest spectrum photo.png --json           the numbers on the terminal
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``steepest spectrum``."""
    add_inputs(parser)
    parser.add_argument("--csv", action="store_true", help="also a table with columns t, S")
    parser.add_argument("--no-figures", action="store_true", help="write no PNG figure")
    add_bands(parser)
    add_model(parser, huber=False)
    add_outputs(parser, "folder, or .png file for one image (default: here)", images=False)


def run(arguments: argparse.Namespace) -> int:
    """The spectrum of every image."""
    if not arguments.no_figures:
        need_figures()
    sources = given_images(arguments)
    plans = {name: _targets(name, arguments, len(sources) > 1) for name in sources}
    for kind in ("figure", "table"):
        targets = [plan[kind] for plan in plans.values() if kind in plan]
        check_targets(targets, arguments.overwrite, kind)

    def work(source: str, label: str) -> Record:
        image = single(read(source, arguments))
        record = Record(source)
        record.describe(image, kept=False)
        start = perf_counter()
        decomposition = decompose_image(image, arguments, label)
        seconds = perf_counter() - start
        with OutputSet(overwrite=arguments.overwrite) as outputs:
            _write(plans[source], decomposition, stem(source), outputs)
            record.outputs = list(outputs.paths)
        _report(record, decomposition)
        record.certify(certificate(decomposition.flow, seconds))
        return record

    return run_batch(arguments, sources, work)


def _targets(name: str, arguments: argparse.Namespace, several: bool) -> dict[str, Path]:
    """The figure and the table of one image."""
    output = Path(arguments.output or ".")
    figure = output / subfolder(name, arguments.images) / f"{stem(name)}_spectrum.png"
    if names_a_file(output):
        if several:
            raise InputError(f"{output}: several images need a folder, not a file")
        check_kind(output, "table" if arguments.no_figures else "figure")
        figure = output
    wanted = {"figure": figure, "table": figure.with_suffix(".csv")}
    if arguments.no_figures:
        del wanted["figure"]
    if not arguments.csv:
        del wanted["table"]
    return wanted


def _write(plan: dict[str, Path], decomposition: Any, name: str, outputs: OutputSet) -> None:
    if "figure" in plan:
        from steepest import plot

        figure = plot.spectrum_figure(
            decomposition.times,
            decomposition.spectrum,
            decomposition.edges,
            title=f"{name}: spectrum of the total variation flow",
        )
        write_figure(plan["figure"], figure, outputs)
    if "table" in plan:
        text = io.StringIO()
        table = csv.writer(text, lineterminator="\n")
        table.writerow(["t", "S"])
        pairs = zip(decomposition.times, decomposition.spectrum, strict=True)
        table.writerows([repr(float(t)), repr(float(s))] for t, s in pairs)
        with outputs.open(plan["table"]) as file:
            file.write(text.getvalue().encode())


def _report(record: Record, decomposition: Any) -> None:
    """Peaks and edges in words, everything in JSON."""
    times = [float(t) for t in decomposition.times]
    values = [float(s) for s in decomposition.spectrum]
    edges = [float(edge) for edge in decomposition.edges]
    peaks = [
        times[i]
        for i in range(1, len(values) - 1)
        if values[i - 1] < values[i] >= values[i + 1] and values[i] > 0.05 * max(values)
    ]
    if peaks:
        record.lines.append(("peaks", "t = " + ", ".join(f"{t:.3g}" for t in peaks)))
    record.lines.append(("bands", bands_in_words(edges)))
    record.values.update(times=times, spectrum=values, peaks=peaks, edges=edges)
