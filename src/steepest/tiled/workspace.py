"""What is kept between two passes: one array for each tile and name, in a folder or in memory.

A pass reads one set of arrays and writes another, so that a tile can be done again at any time.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from ..core.errors import InputError
from .windows import Tiling, Window

_MARK = "steepest-work.json"


class InMemory:
    """Arrays in main memory; workers are threads."""

    def __init__(self) -> None:
        self._arrays: dict[tuple[str, int], np.ndarray] = {}

    def put(self, name: str, number: int, array: np.ndarray) -> None:
        """Keep an array."""
        self._arrays[name, number] = np.ascontiguousarray(array)

    def get(self, name: str, number: int) -> np.ndarray | None:
        """The array that was put, or None."""
        return self._arrays.get((name, number))

    def close(self) -> None:
        """Forget everything."""
        self._arrays.clear()


class OnDisk:
    """Files of NumPy in a folder, which workers on other machines may share.

    A file appears only when it is complete.
    """

    def __init__(self, folder: str | Path | None, signature: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="steepest-") if folder is None else folder)
        mark = self.folder / _MARK
        if self.folder.is_dir() and any(self.folder.iterdir()):
            found = json.loads(mark.read_text())["of"] if mark.exists() else None
            if found != signature:
                what = "belongs to other work" if found else "is not empty"
                raise InputError(
                    f"work={str(folder)!r} {what}; give another folder, or delete this one"
                )
        self.folder.mkdir(parents=True, exist_ok=True)
        mark.write_text(json.dumps({"of": signature}))

    def _path(self, name: str, number: int) -> Path:
        return self.folder / name / f"{number}.npy"

    def put(self, name: str, number: int, array: np.ndarray) -> None:
        """Write an array, then give it its name."""
        path = self._path(name, number)
        path.parent.mkdir(exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".")
        with os.fdopen(handle, "wb") as file:
            np.save(file, array, allow_pickle=False)
        os.replace(temporary, path)

    def get(self, name: str, number: int) -> np.ndarray | None:
        """The array that was put, as a memory map, or None."""
        try:
            found: np.ndarray = np.load(self._path(name, number), mmap_mode="r", allow_pickle=False)
        except FileNotFoundError:
            return None
        return found

    def close(self) -> None:
        """Delete the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)


Workspace = InMemory | OnDisk


def read(
    store: Workspace, name: str, tiling: Tiling, window: Window, lead: Sequence[int], dtype: Any
) -> np.ndarray:
    """The window (\\*lead, \\*window) of a field of which every tile has put its core."""
    out = np.empty((*lead, *(w.stop - w.start for w in window)), dtype)
    ranges = [
        range(w.start // m, -(-w.stop // m)) for w, m in zip(window, tiling.size, strict=True)
    ]
    for place in product(*ranges):
        core = store.get(name, tiling.number(place))
        assert core is not None
        corner = [i * m for i, m in zip(place, tiling.size, strict=True)]
        size = core.shape[len(lead) :]
        ends = [
            (max(w.start, c), min(w.stop, c + n))
            for w, c, n in zip(window, corner, size, strict=True)
        ]
        to = tuple(slice(a - w.start, b - w.start) for (a, b), w in zip(ends, window, strict=True))
        at: Any = tuple(slice(a - c, b - c) for (a, b), c in zip(ends, corner, strict=True))
        target: Any = (..., *to)
        out[target] = core[(Ellipsis, *at)]
    return out
