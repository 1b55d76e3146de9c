"""One row per epoch, in ``log.csv`` and, where wanted, for TensorBoard."""

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
    """``log.csv`` in ``folder``, cut back to its first ``size`` bytes: those of the checkpoint.

    All rows have the columns of the first. NaN is an empty cell; numbers are written such that
    reading gives the same float.
    """

    def __init__(self, folder: Path, size: int = 0, *, tensorboard: bool = False) -> None:
        self._path = folder / NAME
        self._writer = _summary_writer(folder) if tensorboard else None
        kept = self._path.read_bytes()[:size] if self._path.exists() else b""
        self._path.write_bytes(kept)
        self._columns = kept.decode().splitlines()[0].split(",") if kept else []

    @property
    def size(self) -> int:
        """Bytes written so far."""
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
        """End the log for TensorBoard; ``contextlib.closing`` does it in a ``with`` block."""
        if self._writer is not None:
            self._writer.close()


def _text(value: float) -> str:
    """Such that reading gives the same number; NumPy's scalars are written as Python's."""
    return repr(int(value) if isinstance(value, int) else float(value))


def read_log(folder: Path) -> list[dict[str, float]]:
    """The rows of ``log.csv``; empty cells are left out."""
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
        raise InputError("tensorboard=True needs it: pip install tensorboard") from None
    return SummaryWriter(str(folder / "tensorboard"))  # type: ignore[no-untyped-call]
