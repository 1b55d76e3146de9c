"""Channel text files (.ctf) of Oxford Instruments."""

from __future__ import annotations

import numpy as np

from steepest.core.errors import InputError

from .scan_table import Phase, Table, check_phases, read_table

LAUE_GROUPS = ("-1", "2/m", "mmm", "4/m", "4/mmm", "-3", "-3m", "6/m", "6/mmm", "m-3", "m-3m")
_LONGEST_HEADER, _MOST_PHASES = 300, 100
_NEEDED = ("x", "y", "euler1", "euler2", "euler3", "phase")
_GRID = ("YCells", "XCells", "YStep", "XStep")


def parse(source: bytes, name: str, max_pixels: int) -> Table:
    """Parse the contents of a .ctf file."""
    lines = source.splitlines()
    start = _table_line(lines, name)
    header = [line.decode("utf-8", "replace").split("\t") for line in lines[: start - 1]]
    stated = {words[0].strip().lower(): words[1].strip() for words in header if len(words) > 1}
    phases = _phases(header, name)
    names = lines[start - 1].decode("utf-8", "replace").lower().split()
    columns = [names.index(each) for each in _NEEDED]
    index = [k for k in range(start, len(lines)) if lines[k].strip()]
    body = [lines[k] for k in index]
    table, steps = read_table(body, columns, stated, _GRID, max_pixels, name)
    phase = check_phases(table[..., 5], phases, name)
    return Table(
        "ctf", np.radians(table[..., 2:5]), phase, phases, steps, np.array(index),
        tuple(columns[2:5]), True, {columns[5]: "{}"},
    )  # fmt: skip


def _table_line(lines: list[bytes], name: str) -> int:
    """Return the number of the first line of the table."""
    for k, line in enumerate(lines[:_LONGEST_HEADER]):
        words = line.decode("utf-8", "replace").lower().split()
        if words[:1] == ["phase"] and set(_NEEDED) <= set(words):
            return k + 1
    raise InputError(
        f"{name}: damaged: no line of column names with Phase, X, Y, Euler1, Euler2, Euler3"
    )


def _phases(header: list[list[str]], name: str) -> tuple[Phase, ...]:
    """Read the lines after "Phases N": a;b;c, angles, name, number of the Laue group, ..."""
    for k, words in enumerate(header):
        if words[0].strip().lower() != "phases" or len(words) < 2 or not words[1].strip().isdigit():
            continue
        count = int(words[1])
        rows = header[k + 1 : k + 1 + count]
        if not 1 <= count <= _MOST_PHASES or len(rows) < count:
            break
        return tuple(_phase(row, name) for row in rows)
    raise InputError(f"{name}: the header does not list 1 to {_MOST_PHASES} crystal phases")


def _phase(words: list[str], name: str) -> Phase:
    number = words[3].strip() if len(words) > 3 else ""
    if not number.isdigit() or not 1 <= int(number) <= len(LAUE_GROUPS):
        raise InputError(
            f"{name}: the phase {' '.join(words)[:80]!r} has no Laue group from 1 to 11"
        )
    return Phase(words[2].strip(), LAUE_GROUPS[int(number) - 1])
