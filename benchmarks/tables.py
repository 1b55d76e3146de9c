"""Markdown tables of results."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from benchmarks.startup import describe


def line(cells: Iterable[str]) -> str:
    """One row."""
    return "| " + " | ".join(cells) + " |"


def markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table."""
    return "\n".join([line(head), line(["---"] * len(head)), *map(line, rows)])


def write(path: Path, head: Sequence[str], rows: Iterable[Sequence[str]], note: str = "") -> None:
    """Write a table, a note, and a line with the machine and the date."""
    path.parent.mkdir(parents=True, exist_ok=True)
    parts = [markdown(head, rows), note, describe()]
    path.write_text("\n\n".join(part for part in parts if part) + "\n")
