"""The training log: one row per epoch in ``log.csv`` and, optionally, for TensorBoard."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...core.errors import InputError

Row = Mapping[str, float]
NAME = "log.csv"


class Log:
    """``log.csv`` in ``folder``, truncated to its first ``size`` bytes, as of the checkpoint.

    All rows have the columns of the first row. NaN becomes an empty cell. Numbers are written with
    enough digits to read back the same float.

    Raises `InputError` if ``tensorboard`` is True but tensorboard is not installed.
    """

    def __init__(self, folder: Path, size: int = 0, *, tensorboard: bool = False) -> None:
        self._path = folder / NAME
        self._writer = _summary_writer(folder) if tensorboard else None
        kept = self._path.read_bytes()[:size] if self._path.exists() else b""
        self._path.write_bytes(kept)
        self._columns = kept.decode().splitlines()[0].split(",") if kept else []

    @property
    def size(self) -> int:
        """The size of the file in bytes."""
        return self._path.stat().st_size

    def add(self, row: Row) -> None:
        """Append one row."""
        text = io.StringIO()
        if not self._columns:
            self._columns = list(row)
            text.write(",".join(self._columns) + "\n")
        values = ["" if math.isnan(row[name]) else _text(row[name]) for name in self._columns]
        text.write(",".join(values) + "\n")
        with self._path.open("ab") as file:
            file.write(text.getvalue().encode())
        if self._writer is not None:
            for name, value in row.items():
                if not math.isnan(value):
                    self._writer.add_scalar(name, value, int(row["epoch"]))

    def close(self) -> None:
        """Close the TensorBoard log."""
        if self._writer is not None:
            self._writer.close()


def _text(value: float) -> str:
    """Text that reads back as the same number; NumPy scalars are written like Python's."""
    return repr(int(value) if isinstance(value, int) else float(value))


def read_log(folder: Path) -> list[dict[str, float]]:
    """The rows of ``log.csv`` without empty cells; empty if there is no file."""
    path = folder / NAME
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return [
            {name: float(value) for name, value in row.items() if value}
            for row in csv.DictReader(file)
        ]


def _summary_writer(folder: Path) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise InputError("tensorboard=True needs tensorboard: pip install tensorboard") from None
    return SummaryWriter(str(folder / "tensorboard"))  # type: ignore[no-untyped-call]
