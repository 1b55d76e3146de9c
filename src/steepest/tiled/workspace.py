"""What is kept between two passes: one array for each tile and name, as files in a folder.

A pass reads one set of files and writes another, so that a tile can be done again at any time.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from ..core.errors import InputError
from .arrays import load
from .windows import Tiling, Window

_MARK = "steepest-work.json"
_LOCK = "steepest-work.lock"  # not the mark: on Windows, nobody can read a locked file


@dataclass(frozen=True)
class Workspace:
    """Files of NumPy in a folder, which workers on other machines may share.

    A file appears only when it is complete.
    """

    folder: Path

    def _path(self, name: str, number: int) -> Path:
        return self.folder / name / f"{number}.npy"

    def put(self, name: str, number: int, array: np.ndarray) -> None:
        """Write an array, then give it its name."""
        self.put_parts(name, number, array.shape, array.dtype, [array])

    def put_parts(
        self, name: str, number: int, shape: Sequence[int], dtype: Any, parts: Iterable[np.ndarray]
    ) -> None:
        """Write an array of which parts come one after the other, then give it its name."""
        path = self._path(name, number)
        path.parent.mkdir(exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".")
        try:
            with os.fdopen(handle, "wb") as file:
                header = {"descr": np.dtype(dtype).str, "fortran_order": False, "shape": (*shape,)}
                np.lib.format.write_array_header_1_0(file, header)
                for part in parts:
                    file.write(np.ascontiguousarray(part).data)
            os.replace(temporary, path)
        except BaseException:  # such as a full disk
            with suppress(OSError):
                os.unlink(temporary)
            raise

    def map(self, name: str, number: int) -> np.ndarray:
        """The array that was put, as a memory map."""
        return load(self._path(name, number), mapped=True)

    def get(self, name: str, number: int) -> np.ndarray | None:
        """The array that was put, in memory, or None."""
        try:
            return load(self._path(name, number))
        except FileNotFoundError:
            return None

    def once(self, name: str, array: np.ndarray) -> np.ndarray:
        """The array that was put first under this name: this one, or that of interrupted work."""
        return self.made_once(name, lambda: array)

    def made_once(self, name: str, make: Callable[[], np.ndarray]) -> np.ndarray:
        """The array that was put under this name, or else the one that is made and put now."""
        found = self.get(name, 0)
        if found is None:
            found = make()
            self.put(name, 0, found)
        return found

    def drop(self, name: str) -> None:
        """Delete all arrays of this name."""
        shutil.rmtree(self.folder / name, ignore_errors=True)

    def check_space(self, needed: float) -> None:
        """Raise `InputError` if the disk has no room for ``needed`` bytes in this folder."""
        held = sum(path.stat().st_size for path in self.folder.rglob("*.npy"))
        free = shutil.disk_usage(self.folder).free + held
        if needed > free:
            raise InputError(
                f"work: {self.folder} has {free / 1e9:.1f} GB of free space; about "
                f"{needed / 1e9:.1f} GB are needed (give a folder on another disk)"
            )


@contextmanager
def open_workspace(
    work: str | Path | None, beside: Path | None, signature: str
) -> Iterator[Workspace]:
    """The given folder, or a new one in the folder ``beside``, for work of this signature.

    Only one process at a time may use it. It is deleted at the end; after an exception, a given
    folder is kept.
    """
    folder = _new_folder(beside) if work is None else Path(work).absolute()
    _claim(folder, signature)
    done = work is None
    try:
        with _locked(folder):
            yield Workspace(folder)
        done = True
    finally:
        if done:
            shutil.rmtree(folder, ignore_errors=True)


def _new_folder(beside: Path | None) -> Path:
    try:
        return Path(tempfile.mkdtemp(prefix="steepest-work-", dir=beside)).absolute()
    except OSError:
        return Path(tempfile.mkdtemp(prefix="steepest-work-"))


def _claim(folder: Path, signature: str) -> None:
    """Write the signature into a new folder, or compare it with the one that is there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        empty = not any(folder.iterdir())
        if empty:
            with suppress(FileExistsError), (folder / _MARK).open("x") as file:
                json.dump({"of": signature}, file)
    except OSError as error:
        raise InputError(f"work={str(folder)!r} cannot be used ({error.strerror})") from None
    try:
        found = json.loads((folder / _MARK).read_text())["of"]
    except (OSError, ValueError, KeyError, TypeError):
        raise InputError(
            f"work={str(folder)!r} holds something else than earlier work; give a new folder"
        ) from None
    if found != signature:
        raise InputError(
            f"work={str(folder)!r} belongs to other work; give another folder, or delete this one"
        )


def _lock(file: int) -> None:
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Keep other processes out. The lock ends with the process, however that ends."""
    with (folder / _LOCK).open("a") as file:
        try:
            _lock(file.fileno())
        except (BlockingIOError, PermissionError):
            raise InputError(f"work={str(folder)!r} is in use by another process") from None
        except OSError:  # a file system without locks
            pass
        yield


def read(
    store: Workspace,
    name: str,
    tiling: Tiling,
    window: Window,
    lead: Sequence[int],
    dtype: Any,
    part: tuple[int, ...] = (),
    out: np.ndarray | None = None,
) -> np.ndarray:
    """The window (\\*lead, \\*window) of a field of which every tile has put its core.

    Of the first leading axes, only the index ``part`` is read, into ``out`` if that is given.
    """
    if out is None:
        out = np.empty((*lead[len(part) :], *(w.stop - w.start for w in window)), dtype)
    ranges = [
        range(w.start // m, -(-w.stop // m)) for w, m in zip(window, tiling.size, strict=True)
    ]
    for place in product(*ranges):
        core = store.map(name, tiling.number(place))
        corner = [i * m for i, m in zip(place, tiling.size, strict=True)]
        size = core.shape[len(lead) :]
        ends = [
            (max(w.start, c), min(w.stop, c + n))
            for w, c, n in zip(window, corner, size, strict=True)
        ]
        to = tuple(slice(a - w.start, b - w.start) for (a, b), w in zip(ends, window, strict=True))
        at: Any = tuple(slice(a - c, b - c) for (a, b), c in zip(ends, corner, strict=True))
        target: Any = (..., *to)
        out[target] = core[(*part, Ellipsis, *at)]
    return out
