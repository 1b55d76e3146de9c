"""Text maps (.ang) of EDAX OIM."""

from __future__ import annotations

import numpy as np

from steepest.core.errors import InputError

from .scan_table import Phase, Table, check_phases, read_table

LAUE_GROUPS = {
    **{"1": "-1", "2": "2/m", "20": "2/m", "22": "mmm", "4": "4/m", "42": "4/mmm"},
    **{"3": "-3", "32": "-3m", "6": "6/m", "62": "6/mmm", "23": "m-3", "43": "m-3m"},
}
"""Laue group of each code of EDAX."""
_UNINDEXED = 4 * np.pi - 0.01  # Euler angles of points that were not indexed
_GRID = ("NROWS", "NCOLS_ODD", "YSTEP", "XSTEP")
_COLUMNS = [3, 4, 0, 1, 2, 6, 7]  # x, y, phi1, Phi, phi2, confidence index, phase


def parse(source: bytes, name: str, max_pixels: int) -> Table:
    """Parse the contents of an .ang file."""
    lines = source.splitlines()
    header = [line[1:].decode("utf-8", "replace") for line in lines if line.startswith(b"#")]
    stated, phases = _header(header, name)
    if stated.get("grid", "SqrGrid") != "SqrGrid":
        raise InputError(
            f"{name}: has a {stated['grid']}; allowed is SqrGrid (convert it first, for example "
            "with DREAM.3D: 'Convert EDAX Hex Grid to Square Grid')"
        )
    index = [k for k, line in enumerate(lines) if line.strip() and not line.startswith(b"#")]
    body = [lines[k] for k in index]
    table, steps = read_table(body, _COLUMNS, stated, _GRID, max_pixels, name)
    number, euler = table[..., 6], table[..., 2:5]
    if len(phases) == 1:
        number = np.maximum(number, 1)  # files of one phase call it 0
    unindexed = (table[..., 5] < 0) | (euler >= _UNINDEXED).any(-1)
    phase = check_phases(np.where(unindexed, 0, number), phases, name)
    marks = {6: "0.000"} if len(phases) == 1 else {6: "0.000", 7: "{}"}
    return Table("ang", euler, phase, phases, steps, np.array(index), (0, 1, 2), False, marks)


def _header(lines: list[str], name: str) -> tuple[dict[str, str], tuple[Phase, ...]]:
    """Return the stated values and the phases."""
    stated: dict[str, str] = {}
    found: dict[int, dict[str, str]] = {}
    current: dict[str, str] = {}
    for line in lines:
        key, _, value = line.strip().replace(":", " ", 1).partition(" ")
        value = value.strip()
        if key == "Phase" and value.isdigit():
            current = found.setdefault(int(value), {})
        elif key in ("MaterialName", "Symmetry"):
            current.setdefault(key, value)
        else:
            stated.setdefault(key.lower(), value)
    phases = []
    for number in sorted(found):
        symmetry = found[number].get("Symmetry", "")
        if symmetry not in LAUE_GROUPS:
            raise InputError(
                f"{name}: phase {number} has the symmetry {symmetry!r}; allowed are "
                f"{', '.join(LAUE_GROUPS)}"
            )
        phases.append(Phase(found[number].get("MaterialName", ""), LAUE_GROUPS[symmetry]))
    if sorted(found) != list(range(1, len(found) + 1)):
        raise InputError(f"{name}: the header does not list crystal phases numbered from 1")
    return stated, tuple(phases)
