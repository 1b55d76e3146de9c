"""Tables with our figures and the paper's, as frozen dataclasses."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from .methods import Method
from .paper import Figure


@dataclass(frozen=True)
class Cell:
    """Our figure (None: not measured) and the paper's (None: not in the paper)."""

    ours: Figure | None = None
    paper: Figure | None = None


@dataclass(frozen=True)
class Row:
    """A network, its training size, and a cell for every column."""

    network: str
    training: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Table:
    """A reproduced table of the paper. ``unit`` is that of its cells, such as "dB" or "SSIM"."""

    name: str
    title: str
    unit: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()

    def cell(self, network: str, training: str, column: str) -> Cell:
        """One cell.

        Raises
        ------
        KeyError
            If there is no such row or column.
        """
        for row in self.rows:
            if (row.network, row.training) == (network, training) and column in self.columns:
                return row.cells[self.columns.index(column)]
        raise KeyError((network, training, column))


@dataclass(frozen=True)
class Scores:
    """PSNR (dB) and SSIM of every image of a set, for one method."""

    psnr: tuple[float, ...]
    ssim: tuple[float, ...]

    @property
    def figure(self) -> Figure:
        """The means over the images, with the PSNR as the value."""
        return Figure(_mean(self.psnr), ssim=_mean(self.ssim))

    @property
    def similarity(self) -> Figure:
        """The mean SSIM as the value."""
        return Figure(_mean(self.ssim))


def together(parts: Sequence[Scores]) -> Scores:
    """The scores of several sets of images, joined into one."""
    psnr = tuple(value for part in parts for value in part.psnr)
    return Scores(psnr, tuple(value for part in parts for value in part.ssim))


def over_repeats(figures: Sequence[Figure]) -> Figure | None:
    """The figure of several trainings: the mean and, if there are several, the sample standard
    deviation (divided by n - 1).
    """
    if not figures:
        return None
    values = [figure.value for figure in figures]
    ssims = [figure.ssim for figure in figures if figure.ssim is not None]
    several = len(values) > 1 and all(map(math.isfinite, values))
    spread = float(np.std(values, ddof=1)) if several else figures[0].spread
    return Figure(_mean(values), spread, _mean(ssims) if ssims else None)


def make_rows(
    methods: Iterable[Method],
    columns: Sequence[str],
    ours: Mapping[tuple[str, str], Figure],
    paper: Mapping[tuple[str, str, str], Figure],
) -> tuple[Row, ...]:
    """A row for every network and training size; methods that share both are repeats.

    ``ours`` is keyed by (label of the method, column), ``paper`` by (network, training, column).
    """
    groups: dict[tuple[str, str], list[str]] = {}
    for method in methods:
        groups.setdefault((method.network, method.training), []).append(method.label)
    rows = []
    for (network, training), labels in groups.items():
        cells = []
        for column in columns:
            figures = [ours[label, column] for label in labels if (label, column) in ours]
            cells.append(Cell(over_repeats(figures), paper.get((network, training, column))))
        rows.append(Row(network, training, tuple(cells)))
    return tuple(rows)


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if len(values) else math.nan
