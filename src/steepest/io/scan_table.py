"""The table of an orientation map: one line of text per point of the scan."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
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

    def replacer(self, decimals: int) -> Callable[[bytes, Sequence[float]], bytes]:
        """Return a function of a line and new Euler angles; it keeps everything else in the line.

        The new numbers are padded to the width of the old ones.
        """
        order = np.argsort(self.columns)
        skipped = np.diff([-1, *np.sort(self.columns)]) - 1
        parts = [rb"(\s*(?:\S+\s+){%d})(\S+)" % count for count in skipped]
        pattern, form = re.compile(b"".join(parts)), f"%.{decimals}f"

        def replaced(line: bytes, angles: Sequence[float]) -> bytes:
            found = pattern.match(line)
            if found is None:  # impossible after `numbers`
                raise InputError("a line has too few columns")
            out, comma = b"", b"," in line
            for k, column in enumerate(order):
                text = (form % angles[column]).encode()
                old = found.group(2 * k + 2)
                text = text.replace(b".", b",") if comma else text
                out += found.group(2 * k + 1) + text.rjust(len(old))
            return out + line[found.end() :]

        return replaced


def check_grid(columns: int, rows: int, steps: tuple[float, float], most: int, name: str) -> None:
    """Check the shape and the steps stated in a header, before anything is allocated."""
    if columns < 1 or rows < 1:
        raise InputError(f"{name}: the header states {columns} x {rows} points")
    check_size((rows, columns), most, f"{name}:")
    if not all(np.isfinite(step) and step > 0 for step in steps):
        raise InputError(f"{name}: steps of {steps[0]:g} and {steps[1]:g}; they must be positive")


def numbers(
    lines: list[bytes], columns: list[int], shape: tuple[int, int], name: str
) -> np.ndarray:
    """Return columns of a table as float64 (H, W, k), after checking the number of lines.

    Raises `InputError` if lines are missing or in excess, if a line has too few columns, or if one
    of the columns holds something else than finite numbers.
    """
    needed = shape[0] * shape[1]
    if len(lines) != needed:
        reason = "it was cut short" if len(lines) < needed else "the file is damaged"
        raise InputError(
            f"{name}: holds {len(lines)} of {needed} points ({shape[1]} x {shape[0]}); {reason}"
        )
    text = b"\n".join(lines).replace(b",", b".")
    try:
        table = np.loadtxt(BytesIO(text), usecols=columns, ndmin=2, comments=None)
    except ValueError as error:
        raise InputError(f"{name}: damaged table ({str(error)[:120]})") from None
    if not np.isfinite(table).all():
        raise InputError(f"{name}: holds numbers that are NaN or infinite")
    return table.reshape(*shape, len(columns))


def check_places(places: np.ndarray, steps: tuple[float, float], name: str) -> None:
    """Check that the points (x, y) form a grid, stored row by row."""
    rows, columns = places.shape[:2]
    y, x = np.mgrid[:rows, :columns].astype(float)
    offset = places - places[0, 0] - np.stack([x * steps[1], y * steps[0]], -1)
    if (np.abs(offset) > 0.3 * np.array(steps[::-1])).any():
        raise InputError(f"{name}: the points are not those of a rectangular grid, row by row")


def check_angles(euler: np.ndarray, name: str) -> np.ndarray:
    """Check that Euler angles are angles."""
    if (np.abs(euler) > _LARGEST_ANGLE).any():
        raise InputError(f"{name}: holds Euler angles above {_LARGEST_ANGLE:g}")
    return euler
