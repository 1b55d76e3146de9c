"""Figures as files, if matplotlib is there."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from steepest.core.errors import InputError
from steepest.io import OutputSet, check_kind


def need_figures() -> None:
    """Say before computing that figures need matplotlib.

    Raises
    ------
    InputError
        It is not installed.
    """
    if find_spec("matplotlib") is None:
        raise InputError("figures need matplotlib: pip install 'steepest[plot]'")


def write_figure(path: Path, figure: Any, outputs: OutputSet) -> None:
    """A matplotlib figure as a PNG file of an output set."""
    from steepest import plot

    check_kind(path, "figure")
    with outputs.open(path) as file:
        file.write(plot.figure_png(figure))
