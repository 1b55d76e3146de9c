"""Orientation maps as text: .ctf files (Oxford Instruments) and .ang files (EDAX OIM).

Both have a header, and a table with one line for each point of the scan.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO

import numpy as np

from steepest.core.errors import InputError
from steepest.core.limits import check_size

_LARGEST_ANGLE = 1e4
_LONGEST_HEADER, _MOST_PHASES = 300, 100
_LAUE_GROUPS = ("-1", "2/m", "mmm", "4/m", "4/mmm", "-3", "-3m", "6/m", "6/mmm", "m-3", "m-3m")
_CODES = {
    **{"1": "-1", "2": "2/m", "20": "2/m", "22": "mmm", "4": "4/m", "42": "4/mmm"},
    **{"3": "-3", "32": "-3m", "6": "6/m", "62": "6/mmm", "23": "m-3", "43": "m-3m"},
}  # of EDAX
_NEEDED = ("x", "y", "euler1", "euler2", "euler3", "phase")
_UNINDEXED = 4 * np.pi - 0.01  # Euler angles of points that were not indexed, in .ang files
_ANG_COLUMNS = [3, 4, 0, 1, 2, 7, 6]  # x, y, phi1, Phi, phi2, phase, confidence index


@dataclass(frozen=True)
class Phase:
    """A crystal phase: its name and its symmetry as a Laue group, such as "m-3m"."""

    name: str
    symmetry: str


@dataclass(frozen=True, eq=False)
class Table:
    """The columns of the file that matter here; ``euler`` is (H, W, 3) in radians."""

    format: str
    euler: np.ndarray
    phase: np.ndarray
    phases: tuple[Phase, ...]
    spacing: tuple[float, float]
    lines: np.ndarray  # index of the line of each point, row by row
    columns: tuple[int, ...]  # of the Euler angles
    degrees: bool
    indexed: dict[int, str]  # by column: what marks a point as indexed, "{}" for its phase


def parse(source: bytes, name: str, max_pixels: int) -> Table:
    """Parse a .ctf or .ang file; what its header states is checked before memory is allocated."""
    if source.lstrip(b"\xef\xbb\xbf").startswith(b"Channel Text File"):
        return _parse_ctf(source.splitlines(), name, max_pixels)
    if source.startswith(b"#"):
        return _parse_ang(source.splitlines(), name, max_pixels)
    what = "an empty file" if not source else "not an orientation map"
    raise InputError(f"{name}: {what}; allowed are .ctf and .ang text files")


def replace_fields(line: bytes, fields: dict[int, str]) -> bytes:
    """Return a line with new texts in some columns, as wide as the old ones if they fit."""
    parts, end = [], 0
    for column, found in enumerate(re.finditer(rb"\S+", line)):
        if column in fields:
            text = fields[column].encode()
            text = text.replace(b".", b",") if b"," in line else text
            parts += [line[end : found.start()], text.rjust(len(found[0]))]
            end = found.end()
    return b"".join([*parts, line[end:]])


def _parse_ctf(lines: list[bytes], name: str, max_pixels: int) -> Table:
    texts = [line.decode("utf-8", "replace") for line in lines[:_LONGEST_HEADER]]
    rows = [text.lower().split() for text in texts]
    heads = [k for k, row in enumerate(rows) if row[:1] == ["phase"] and set(_NEEDED) <= {*row}]
    if not heads:
        raise InputError(
            f"{name}: damaged: no line of column names with Phase, X, Y, Euler1, Euler2, Euler3"
        )
    start, names = heads[0], rows[heads[0]]
    header = [text.split("\t") for text in texts[:start]]
    stated = {words[0].strip().lower(): words[1].strip() for words in header if len(words) > 1}
    phases = _ctf_phases(header, name)
    columns = [names.index(each) for each in _NEEDED]
    index = [k for k in range(start + 1, len(lines)) if lines[k].strip()]
    grid = ("YCells", "XCells", "YStep", "XStep")
    table, steps = _read_table([lines[k] for k in index], columns, stated, grid, max_pixels, name)
    return Table(
        "ctf", np.radians(table[..., 2:5]), _check_phases(table[..., 5], phases, name), phases,
        steps, np.array(index), tuple(columns[2:5]), True, {columns[5]: "{}"},
    )  # fmt: skip


def _ctf_phases(header: list[list[str]], name: str) -> tuple[Phase, ...]:
    """Read the lines after "Phases N": a;b;c, angles, name, number of the Laue group, ..."""
    at, count = 0, 0
    for k, words in enumerate(header):
        if words[0].strip().lower() == "phases" and words[1:] and words[1].strip().isdigit():
            at, count = k, int(words[1])
            break
    rows = header[at + 1 : at + 1 + count]
    if not 1 <= count <= _MOST_PHASES or len(rows) < count:
        raise InputError(f"{name}: the header does not list 1 to {_MOST_PHASES} crystal phases")
    phases = []
    for words in rows:
        number = words[3].strip() if len(words) > 3 else ""
        if not number.isdigit() or not 1 <= int(number) <= len(_LAUE_GROUPS):
            raise InputError(
                f"{name}: the phase {' '.join(words)[:80]!r} has no Laue group from 1 to 11"
            )
        phases.append(Phase(words[2].strip(), _LAUE_GROUPS[int(number) - 1]))
    return tuple(phases)


def _parse_ang(lines: list[bytes], name: str, max_pixels: int) -> Table:
    header = [line[1:].decode("utf-8", "replace") for line in lines if line.startswith(b"#")]
    stated, phases = _ang_header(header, name)
    if stated.get("grid", "SqrGrid") != "SqrGrid":
        raise InputError(
            f"{name}: has a {stated['grid']}; allowed is SqrGrid (convert it first, for example "
            "with DREAM.3D: 'Convert EDAX Hex Grid to Square Grid')"
        )
    index = [k for k, line in enumerate(lines) if line.strip() and not line.startswith(b"#")]
    body, grid = [lines[k] for k in index], ("NROWS", "NCOLS_ODD", "YSTEP", "XSTEP")
    table, steps = _read_table(body, _ANG_COLUMNS, stated, grid, max_pixels, name)
    number, euler = table[..., 5], table[..., 2:5]
    marks = {6: "0.000", 7: "{}"}
    if len(phases) == 1:  # which such files call 0
        number, marks = np.maximum(number, 1), {6: "0.000"}
    unindexed = (table[..., 6] < 0) | (euler >= _UNINDEXED).any(-1)
    phase = _check_phases(np.where(unindexed, 0, number), phases, name)
    return Table("ang", euler, phase, phases, steps, np.array(index), (0, 1, 2), False, marks)


def _ang_header(lines: list[str], name: str) -> tuple[dict[str, str], tuple[Phase, ...]]:
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
    for number, own in sorted(found.items()):
        symmetry = own.get("Symmetry", "")
        if symmetry not in _CODES:
            raise InputError(
                f"{name}: phase {number} has the symmetry {symmetry!r}; allowed are "
                f"{', '.join(_CODES)}"
            )
        phases.append(Phase(own.get("MaterialName", ""), _CODES[symmetry]))
    if sorted(found) != list(range(1, len(found) + 1)):
        raise InputError(f"{name}: the header does not list crystal phases numbered from 1")
    return stated, tuple(phases)


def _read_table(
    lines: Sequence[bytes], columns: Sequence[int], stated: Mapping[str, str], keys: Sequence[str],
    limit: int, name: str,
) -> tuple[np.ndarray, tuple[float, float]]:  # fmt: skip
    """Return columns of a table (H, W, k), places and angles first, and the steps in y and x."""
    try:
        rows, across = (int(stated[key.lower()]) for key in keys[:2])
        down, right = (float(stated[key.lower()].replace(",", ".")) for key in keys[2:])
    except (KeyError, ValueError) as error:
        raise InputError(
            f"{name}: {', '.join(keys)} must be stated as numbers ({error}); only grids are "
            "supported"
        ) from None
    if across < 1 or rows < 1:
        raise InputError(f"{name}: the header states {across} x {rows} points")
    needed = check_size((rows, across), limit, f"{name}:")
    if not (0 < down < np.inf and 0 < right < np.inf):
        raise InputError(f"{name}: steps of {down:g} and {right:g}; they must be positive")
    if len(lines) != needed:
        reason = "it was cut short" if len(lines) < needed else "the file is damaged"
        raise InputError(
            f"{name}: holds {len(lines)} of {needed} points ({across} x {rows}); {reason}"
        )
    text = b"\n".join(lines).replace(b",", b".")
    try:
        table = np.loadtxt(BytesIO(text), usecols=columns, ndmin=2, comments=None)
    except ValueError as error:
        raise InputError(f"{name}: damaged table ({str(error)[:120]})") from None
    if not np.isfinite(table).all():
        raise InputError(f"{name}: holds numbers that are NaN or infinite")
    table = table.reshape(rows, across, len(columns))
    y, x = np.mgrid[:rows, :across].astype(float)
    offset = table[..., :2] - table[0, 0, :2] - np.stack([x * right, y * down], -1)
    if (np.abs(offset) > 0.3 * np.array([right, down])).any():
        raise InputError(f"{name}: the points are not those of a rectangular grid, row by row")
    if (np.abs(table[..., 2:5]) > _LARGEST_ANGLE).any():
        raise InputError(f"{name}: holds Euler angles above {_LARGEST_ANGLE:g}")
    return table, (down, right)


def _check_phases(numbers: np.ndarray, phases: Sequence[Phase], name: str) -> np.ndarray:
    """Return the numbers of the phases of all points as int64; 0 stands for none."""
    if not np.isin(numbers, range(len(phases) + 1)).all():
        raise InputError(f"{name}: phases are numbered 0 to {len(phases)} in its header")
    return numbers.astype(np.int64)
