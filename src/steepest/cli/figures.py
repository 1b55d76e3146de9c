"""Write figures to files if matplotlib is installed."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from steepest.io import OutputSet, check_kind

from .extras import need
from .inputs import check_targets, placed
from .pages import Pages


def need_figures() -> None:
    """Check, before any computation, that matplotlib is installed.

    Raises `InputError` if matplotlib is not installed.
    """
    need("drawing figures", ("matplotlib",), "plot")


def write_figure(path: Path, figure: Any, outputs: OutputSet) -> None:
    """Write a matplotlib figure as a PNG file of an output set."""
    from steepest import plot

    check_kind(path, "figure")
    with outputs.open(path) as file:
        file.write(plot.figure_png(figure))


def figures_of(
    arguments: argparse.Namespace, sources: Sequence[str], option: str, tag: str
) -> dict[str, Path]:
    """Return the figure of each image for an option such as --picture; empty if it is not given."""
    output = getattr(arguments, option)
    if output is None:
        return {}
    need_figures()
    paths = {name: placed(name, arguments, output, tag, len(sources) > 1) for name in sources}
    check_targets(paths.values(), arguments.overwrite, "figure")
    return paths


def spectrum_of(spectra: Sequence[tuple[Any, Any]], pages: Pages, name: str) -> Any:
    """Create the figure of the spectra (times, S) of all pages."""
    from steepest import plot

    times, values = spectra[0]
    if not pages.series:
        title = f"{name}: spectrum of the total variation flow"
        return plot.spectrum_figure(times, values, pages.edges, title=title)
    rows = [np.interp(times, own, values) for own, values in spectra]  # networks use other times
    title = f"{name}: spectra of the total variation flow"
    return plot.spectrum_map(times, rows, pages.edges, title=title)
