"""Arrays between two passes, and the journal of what has been done, on disk or in memory.

A pass reads one set of arrays and writes the other, so that a tile can be done again at any time.
The journal holds the sums of every finished tile. If the work is interrupted and started again, the
solver goes through the same passes once more, and whatever is in the journal is not computed again.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from ..core.errors import InputError

_MARK = "steepest"


class InMemory:
    """Arrays in main memory, for threads only."""

    on_disk = False

    def __init__(self) -> None:
        self._arrays: dict[str, np.ndarray] = {}

    def array(
        self, name: str, shape: tuple[int, ...], chunks: tuple[int, ...], dtype: Any
    ) -> np.ndarray:
        """The array of this name, NaN where nothing was written."""
        if name not in self._arrays:
            self._arrays[name] = np.full(shape, np.nan, dtype)
        return self._arrays[name]

    def close(self) -> None:
        """Forget the arrays."""
        self._arrays.clear()


class OnDisk:
    """Arrays of zarr in a folder, which workers on other machines may share.

    A folder that the caller named is kept until the work is done; another is temporary.
    """

    on_disk = True

    def __init__(self, folder: str | Path | None, signature: str) -> None:
        try:
            import zarr
        except ModuleNotFoundError as error:
            message = "images on disk need zarr: pip install 'steepest[zarr]'"
            raise ModuleNotFoundError(message, name=error.name) from None
        self._temporary = folder is None
        self.folder = Path(tempfile.mkdtemp(prefix="steepest-") if folder is None else folder)
        try:
            self._group = zarr.open_group(str(self.folder), mode="a")
        except (OSError, ValueError) as error:
            raise InputError(f"work={str(folder)!r} cannot be used as a folder: {error}") from None
        found = self._group.attrs.get(_MARK)
        if found is None and len(list(self._group.keys())):
            raise InputError(f"work={str(folder)!r} holds other arrays; give an empty folder")
        if found not in (None, signature):
            raise InputError(
                f"work={str(folder)!r} belongs to other work ({found}, this is {signature}); "
                "finish that first, or give another folder"
            )
        self._group.attrs[_MARK] = signature

    def array(
        self, name: str, shape: tuple[int, ...], chunks: tuple[int, ...], dtype: Any
    ) -> Any:
        """The array of this name, NaN where nothing was written."""
        return self._group.require_array(
            name, shape=shape, chunks=chunks, dtype=np.dtype(dtype).name, fill_value=np.nan,
            compressors=None,
        )  # fmt: skip

    def close(self) -> None:
        """Delete the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)


Workspace = InMemory | OnDisk
