"""The training log: one row per epoch in ``log.csv`` and, optionally, for TensorBoard."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ...core.errors import InputError

NAME = "log.csv"


class Log:
    """``log.csv`` in ``folder``, truncated to its first ``size`` bytes, as of the checkpoint.

    All rows have the columns of the first row. NaN becomes an empty cell. Numbers are written with
    enough digits to read back the same float. ``writer`` also logs them for TensorBoard.
    """

    def __init__(self, folder: Path, size: int = 0, writer: Any = None) -> None:
        self._path, self._writer = folder / NAME, writer
        kept = self._path.read_bytes()[:size] if self._path.exists() else b""
        self._path.write_bytes(kept)
        self._columns = kept.decode().splitlines()[0].split(",") if kept else []

    @property
    def size(self) -> int:
        """The size of the file in bytes."""
        return self._path.stat().st_size

    def add(self, row: Mapping[str, float]) -> None:
        """Append one row."""
        numbers = {k: v if isinstance(v, int) else float(v) for k, v in row.items()}
        known = {name: value for name, value in numbers.items() if not math.isnan(value)}
        with self._path.open("a", newline="") as file:
            columns = self._columns or list(row)
            table = csv.DictWriter(file, columns, extrasaction="ignore", lineterminator="\n")
            if not self._columns:
                table.writeheader()
            table.writerow(known)
        self._columns = columns
        if self._writer is not None:
            for name, value in known.items():
                self._writer.add_scalar(name, value, int(row["epoch"]))


@contextmanager
def open_log(folder: Path, size: int = 0, *, tensorboard: bool = False) -> Iterator[Log]:
    """Make the folder and open the log in it; after an error, remove what is new and empty.

    Raises `InputError` if ``tensorboard`` is True but tensorboard is not installed.
    """
    new = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    writer = None
    try:
        writer = _summary_writer(folder) if tensorboard else None
        yield Log(folder, size, writer)
    except BaseException:
        log = folder / NAME
        if new and log.is_file() and not log.stat().st_size:
            log.unlink()
        with suppress(OSError):  # something is in it
            if new:
                folder.rmdir()
        raise
    finally:
        if writer is not None:
            writer.close()


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
