"""Write tables as Markdown, with our figure and the paper's in every cell, and as JSON."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from steepest.core.errors import InputError

from .paper import Figure
from .store import to_text, write_texts
from .table import Cell, Row, Table

_NONE = "\u2013"
_PLACES = {"dB": 2, "SSIM": 4}


def to_markdown(table: Table) -> str:
    """A heading, the table and its notes; cells read "ours / paper's", as "43.10 / 42.05".

    Means over several trainings are followed by their standard deviation ("43.10 ± 0.08"); SSIM is
    in brackets. A dash means not measured, or not in the paper.
    """
    trained = any(row.training for row in table.rows)
    head = ["network", *(["trained on"] if trained else []), *table.columns]
    lines = [f"### {table.title}", "", _line(head), _line(["---"] * len(head))]
    for row in table.rows:
        cells = [cell_text(cell, table.unit) for cell in row.cells]
        lines.append(_line([row.network, *([row.training or _NONE] if trained else []), *cells]))
    if any(cell.paper for row in table.rows for cell in row.cells):
        lines += ["", f"Ours / the paper's, in {table.unit or 'the units of each column'}."]
    for note in table.notes:
        lines += ["", note]
    return "\n".join(lines) + "\n"


def cell_text(cell: Cell, unit: str) -> str:
    """One cell of a Markdown table."""
    ours = _figure_text(cell.ours, unit)
    return ours if cell.paper is None else f"{ours} / {_figure_text(cell.paper, unit)}"


def to_json(tables: Sequence[Table]) -> str:
    """All tables as one JSON document, with the strings "inf" and "nan" for such numbers."""
    return to_text({"tables": [asdict(table) for table in tables]})


def from_json(text: str) -> list[Table]:
    """The tables from a document of :func:`to_json`.

    Raises
    ------
    InputError
        If the text is not such a document.
    """
    try:
        return [_table(item) for item in json.loads(text)["tables"]]
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"text: not stored tables ({type(error).__name__}: {error})") from None


def write_report(
    folder: str | os.PathLike[str], tables: Sequence[Table], name: str = "tables"
) -> list[Path]:
    """Write ``name.md`` and ``name.json`` into a folder: both complete, or neither.

    Existing files are replaced.

    Raises
    ------
    InputError
        If the folder is a file.
    """
    markdown = "\n".join(map(to_markdown, tables))
    place = Path(folder)
    files = {place / f"{name}.md": markdown, place / f"{name}.json": to_json(tables)}
    write_texts(files)
    return list(files)


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _figure_text(figure: Figure | None, unit: str) -> str:
    if figure is None:
        return _NONE
    text = _number(figure.value, unit)
    if figure.spread is not None:
        text += f" ± {_number(figure.spread, unit)}"
    return text if figure.ssim is None else f"{text} ({figure.ssim:.3f})"


def _number(value: float, unit: str) -> str:
    if not math.isfinite(value):
        return "∞" if value > 0 else "?"
    return f"{value:.{_PLACES[unit]}f}" if unit in _PLACES else f"{value:.4g}"


def _figure(item: dict[str, Any] | None) -> Figure | None:
    if item is None:
        return None
    spread, similarity = (
        None if item[key] is None else float(item[key]) for key in ("spread", "ssim")
    )
    return Figure(float(item["value"]), spread, similarity)


def _table(item: dict[str, Any]) -> Table:
    rows = []
    for row in item["rows"]:
        cells = (Cell(_figure(c["ours"]), _figure(c["paper"])) for c in row["cells"])
        rows.append(Row(row["network"], row["training"], tuple(cells)))
    return Table(
        item["name"],
        item["title"],
        item["unit"],
        tuple(item["columns"]),
        tuple(rows),
        tuple(item["notes"]),
    )
