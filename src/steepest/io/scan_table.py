"""The table of an orientation map: one line of text per point of the scan."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO

import numpy as np

from steepest.core.errors import InputError
from steepest.core.limits import check_size

_LARGEST_ANGLE = 1e4


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


def replaced(line: bytes, fields: dict[int, str]) -> bytes:
    """Return a line with new texts in some columns, as wide as the old ones if they fit."""
    parts, end = [], 0
    for column, found in enumerate(re.finditer(rb"\S+", line)):
        if column in fields:
            text = fields[column].encode()
            text = text.replace(b".", b",") if b"," in line else text
            parts += [line[end : found.start()], text.rjust(len(found[0]))]
            end = found.end()
    return b"".join([*parts, line[end:]])


def read_table(
    lines: Sequence[bytes],
    columns: Sequence[int],
    stated: Mapping[str, str],
    keys: Sequence[str],
    limit: int,
    name: str,
) -> tuple[np.ndarray, tuple[float, float]]:
    """Return columns of a table as float64 (H, W, k), and the steps along rows and columns.

    The first five columns hold the places x and y and the Euler angles. ``stated`` is the header,
    with names in lower case; ``keys`` are those of the numbers of rows and columns and of the steps
    in y and x.

    Raises `InputError`, before anything is allocated, if the header states a shape or steps that
    cannot be, or more than ``limit`` points; if lines are missing or in excess, if a line has too
    few columns, if one of the columns holds something else than finite numbers or angles, or if the
    points are not those of a grid, stored row by row.
    """
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


def check_phases(numbers: np.ndarray, phases: Sequence[Phase], name: str) -> np.ndarray:
    """Return the numbers of the phases of all points as int64; 0 stands for none."""
    if not np.isin(numbers, range(len(phases) + 1)).all():
        raise InputError(f"{name}: phases are numbered 0 to {len(phases)} in its header")
    return numbers.astype(np.int64)
