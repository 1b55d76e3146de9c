"""Views of arrays that may be anything with ``shape``, ``dtype`` and slicing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Part:
    """An array at fixed indices along some of its axes (None: the axis is free)."""

    array: Any
    fixed: tuple[int | None, ...]

    def _free(self, values: Sequence[int]) -> tuple[int, ...]:
        return tuple(n for n, k in zip(values, self.fixed, strict=True) if k is None)

    @property
    def shape(self) -> tuple[int, ...]:
        """The lengths of the free axes."""
        return self._free(self.array.shape)

    @property
    def chunks(self) -> tuple[int, ...]:
        """The chunks along the free axes."""
        return self._free(getattr(self.array, "chunks", None) or self.array.shape)

    @property
    def dtype(self) -> np.dtype:
        """The type of the values."""
        return np.dtype(self.array.dtype)

    def _index(self, index: tuple[Any, ...]) -> tuple[Any, ...]:
        free = iter(index)
        return tuple(next(free) if k is None else k for k in self.fixed)

    def __getitem__(self, index: tuple[Any, ...]) -> np.ndarray:
        return np.asarray(self.array[self._index(index)])

    def __setitem__(self, index: tuple[Any, ...], values: np.ndarray) -> None:
        self.array[self._index(index)] = values
