"""Text maps (.ang) of EDAX OIM."""

from __future__ import annotations

import numpy as np

from steepest.core.errors import InputError

from .scan_table import Phase, Table, check_angles, numbers

LAUE_GROUPS = {
    "1": "-1",
    "2": "2/m",
    "20": "2/m",
    "22": "mmm",
    "4": "4/m",
    "42": "4/mmm",
    "3": "-3",
    "32": "-3m",
    "6": "6/m",
    "62": "6/mmm",
    "23": "m-3",
    "43": "m-3m",
}
_UNINDEXED = 4 * np.pi - 0.01  # Euler angles of points that were not indexed
_COLUMNS = [3, 4, 0, 1, 2, 6, 7]  # x, y, phi1, Phi, phi2, confidence index, phase


def parse(source: bytes, name: str, max_pixels: int) -> Table:
    """Parse the contents of an .ang file."""
    lines = source.splitlines()
    header = [line[1:].decode("utf-8", "replace") for line in lines if line.startswith(b"#")]
    stated, phases = _header(header, name)
    if stated.get("GRID", "SqrGrid") != "SqrGrid":
        raise InputError(
            f"{name}: has a {stated['GRID']}; allowed is SqrGrid (convert it first, for example "
            "with DREAM.3D: 'Convert EDAX Hex Grid to Square Grid')"
        )
    try:
        columns, rows = int(stated["NCOLS_ODD"]), int(stated["NROWS"])
        steps = float(stated["YSTEP"]), float(stated["XSTEP"])
    except (KeyError, ValueError) as error:
        raise InputError(
            f"{name}: NCOLS_ODD, NROWS, XSTEP and YSTEP must be stated as numbers ({error})"
        ) from None
    at = [k for k, line in enumerate(lines) if line.strip() and not line.startswith(b"#")]
    body = [lines[k] for k in at]
    table = numbers(body, _COLUMNS, (rows, columns), steps, max_pixels, name)
    euler = check_angles(table[..., 2:5], name)
    number = table[..., 6].astype(np.int64)
    if len(phases) == 1:
        number = np.maximum(number, 1)  # files of one phase call it 0
    unindexed = (table[..., 5] < 0) | (euler >= _UNINDEXED).any(-1)
    phase = np.where(unindexed, 0, number)
    if (phase < 0).any() or (phase > len(phases)).any():
        raise InputError(f"{name}: phases are numbered 1 to {len(phases)} in its header")
    marks = {6: "0.000"} if len(phases) == 1 else {6: "0.000", 7: "{}"}
    return Table("ang", euler, phase, phases, steps, np.array(at), (0, 1, 2), False, marks)


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
            stated.setdefault(key, value)
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
