"""What is kept between two passes: one array for each tile and name, as files in a folder.

A pass reads one set of files and writes another, so that a tile can be done again at any time.
"""

import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from hashlib import blake2b
from io import BytesIO
from itertools import chain, product
from math import ceil, floor
from pathlib import Path
from typing import Any

import numpy as np

from ..core.errors import InputError
from .claim import MARK, Mark, claim
from .sealed import UNFINISHED, is_sound, load, write_file
from .windows import Tiling, Window

WRITING = "writing the result"  # the name of the fact that this has begun


def digest(*arrays: np.ndarray) -> str:
    """A number by which the values of arrays are told apart, as text."""
    found = blake2b(digest_size=8)
    for array in arrays:
        found.update(np.ascontiguousarray(array).data)
    return found.hexdigest()


class Dropped(InputError):
    """An array that is needed to compute something again has been dropped."""


@dataclass(frozen=True)
class Workspace:
    """Arrays as files in a folder that workers on other machines may share; whole, or not there."""

    folder: Path

    def path(self, name: str, number: int) -> Path:
        """Where an array is kept."""
        return self.folder / name / f"{number}.npy"

    def put(self, name: str, number: int, array: np.ndarray) -> None:
        """Write an array, then give it its name."""
        self.put_parts(name, number, array.shape, array.dtype, [array])

    def put_parts(
        self, name: str, number: int, shape: Sequence[int], dtype: Any, parts: Iterable[np.ndarray]
    ) -> None:
        """Write an array of which parts come one after the other, then give it its name."""
        path, head = self.path(name, number), BytesIO()
        path.parent.mkdir(exist_ok=True)
        header = {"descr": np.dtype(dtype).str, "fortran_order": False, "shape": (*shape,)}
        np.lib.format.write_array_header_1_0(head, header)
        buffers = (np.ascontiguousarray(part).data for part in parts)
        write_file(path, chain([head.getbuffer()], buffers))

    def map(self, name: str, number: int) -> np.ndarray:
        """The array that was put, as a memory map; `Dropped` or `InputError` if it is not there."""
        path = self.path(name, number)
        try:
            return load(path, mapped=True)
        except FileNotFoundError:
            dropped = name in Mark.read(self.folder).dropped
            raise self.lost(path, Dropped if dropped else InputError) from None

    def get(self, name: str, number: int) -> np.ndarray | None:
        """The array that was put, in memory, or None."""
        try:
            return load(self.path(name, number))
        except FileNotFoundError:
            return None

    def lost(self, path: Path, kind: type[InputError] = InputError) -> InputError:
        """What to raise if a file cannot be computed again."""
        return kind(
            f"work: {path} is missing or damaged, and what it was computed from is not kept; "
            f"delete {self.folder} to begin anew"
        )

    def lacking(self, names: Iterable[str], count: int) -> dict[int, Path]:
        """Files of these names that are not there, and were not dropped, of ``count`` tiles."""
        kept = set(names) - set(Mark.read(self.folder).dropped)
        paths = ((n, self.path(name, n)) for name in kept for n in range(count))
        return {n: path for n, path in paths if not path.exists()}

    def once(self, name: str, value: Any) -> Any:
        """The value that was given first for this fact: this one, or that of interrupted work."""
        return self.decided(name, lambda: value)

    def decided(self, name: str, decide: Callable[[], Any]) -> Any:
        """The fact of this name: numbers, text or lists of them. It is decided only once."""
        if name not in Mark.read(self.folder).facts:
            value = decide()
            mark = Mark.read(self.folder)
            replace(mark, facts={**mark.facts, name: value}).write(self.folder)
        return Mark.read(self.folder).facts[name]

    def check_same(self, name: str, digests: Iterable[str]) -> None:
        """Raise `InputError` if an input, given by the digests of its tiles, has changed since the
        start.
        """
        found = digest(np.array([*digests]))
        if self.once(f"digest of {name}", found) != found:
            hint = ""
            if WRITING in Mark.read(self.folder).facts:
                hint = " (if out is the image itself, it was being overwritten: restore it)"
            raise InputError(
                f"{name}: other values than when the work in {self.folder} began; give the same, "
                f"or another folder{hint}"
            )

    def ensure(self, name: str, make: Callable[[], np.ndarray]) -> None:
        """Put the array that is made, unless one of this name is there or was dropped."""
        if self.lacking([name], 1):
            self.put(name, 0, make())

    def made_once(self, name: str, make: Callable[[], np.ndarray]) -> np.ndarray:
        """The array that was put under this name, or else the one that is made and put now."""
        self.ensure(name, make)
        return np.array(self.map(name, 0))

    def drop(self, name: str) -> None:
        """Delete all arrays of this name, which are no longer needed."""
        mark = Mark.read(self.folder)
        if name not in mark.dropped and (self.folder / name).exists():
            replace(mark, dropped=[*mark.dropped, name]).write(self.folder)
        shutil.rmtree(self.folder / name, ignore_errors=True)

    def clean(self) -> None:
        """Delete what an interruption has left unfinished, and damaged files."""
        for name in Mark.read(self.folder).dropped:
            shutil.rmtree(self.folder / name, ignore_errors=True)
        for path in [*self.folder.glob("*"), *self.folder.glob("*/*")]:
            bad = path.suffix == ".npy" and not is_sound(path)
            if bad or path.name.startswith(UNFINISHED):
                path.unlink()

    def check_space(self, needed: float) -> None:
        """Raise `InputError` if the disk has no room for ``needed`` bytes in this folder."""
        held = sum(path.stat().st_size for path in self.folder.rglob("*.npy"))
        free = shutil.disk_usage(self.folder).free + held
        if needed > free:
            size, unit = (1e9, "GB") if needed >= 1e10 else (1e6, "MB")
            raise InputError(
                f"work: {self.folder} has {floor(free / size):,} {unit} of free space; about "
                f"{ceil(needed / size):,} {unit} are needed (give a folder on another disk)"
            )


@contextmanager
def open_workspace(
    work: str | Path | None, beside: Path | None, signature: str, keep: bool = False
) -> Iterator[Workspace]:
    """The given folder, or a new one in ``beside``, which is deleted at the end, for this work."""
    folder = _new_folder(beside) if work is None else Path(work).absolute()
    try:
        with claim(folder, signature, keep):
            store = Workspace(folder)
            store.clean()
            yield store
    finally:
        if work is None:
            shutil.rmtree(folder, ignore_errors=True)


def remove_work(folder: Path) -> None:
    """Delete the folder of finished work that was kept, and those in it."""
    with suppress(OSError):
        if (folder / MARK).exists():
            Mark().write(folder)
            shutil.rmtree(folder)
            return
        for path in folder.iterdir():
            if (path / MARK).exists():
                remove_work(path)
        folder.rmdir()  # if nothing else is there


def _new_folder(beside: Path | None) -> Path:
    try:
        return Path(tempfile.mkdtemp(prefix="steepest-work-", dir=beside)).absolute()
    except OSError:
        return Path(tempfile.mkdtemp(prefix="steepest-work-"))


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
    r"""The window (\*lead, \*window) of a field of which every tile has put its core.

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
