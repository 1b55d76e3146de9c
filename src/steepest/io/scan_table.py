"""The table of an orientation map: one line of text per point of the scan."""

from __future__ import annotations

import re
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
    columns: tuple[int, int, int]  # of the Euler angles
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


def numbers(
    lines: list[bytes],
    columns: list[int],
    shape: tuple[int, int],
    steps: tuple[float, float],
    limit: int,
    name: str,
) -> np.ndarray:
    """Return columns of a table as float64 (H, W, k); the first two hold the places x and y.

    Raises `InputError`, before anything is allocated, if the header states a shape or steps that
    cannot be, or more than ``limit`` points; if lines are missing or in excess, if a line has too
    few columns, if one of the columns holds something else than finite numbers, or if the points
    are not those of a grid, stored row by row.
    """
    rows, across = shape
    if across < 1 or rows < 1:
        raise InputError(f"{name}: the header states {across} x {rows} points")
    needed = check_size(shape, limit, f"{name}:")
    if not all(np.isfinite(step) and step > 0 for step in steps):
        raise InputError(f"{name}: steps of {steps[0]:g} and {steps[1]:g}; they must be positive")
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
    table = table.reshape(*shape, len(columns))
    y, x = np.mgrid[:rows, :across].astype(float)
    places = table[..., :2] - table[0, 0, :2]
    offset = places - np.stack([x * steps[1], y * steps[0]], -1)
    if (np.abs(offset) > 0.3 * np.array(steps[::-1])).any():
        raise InputError(f"{name}: the points are not those of a rectangular grid, row by row")
    return table


def check_angles(euler: np.ndarray, name: str) -> np.ndarray:
    """Check that Euler angles are angles."""
    if (np.abs(euler) > _LARGEST_ANGLE).any():
        raise InputError(f"{name}: holds Euler angles above {_LARGEST_ANGLE:g}")
    return euler
