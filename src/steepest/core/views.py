"""Views of arrays that may be anything with ``shape``, ``dtype`` and slicing."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Part:
    """An array at fixed indices along some of its axes (None: the axis is free).

    The free axes may be in another order: axis i is the free axis number ``order[i]``.
    """

    array: Any
    fixed: tuple[int | None, ...]
    order: tuple[int, ...] | None = None

    def _free(self, values: Sequence[int]) -> tuple[int, ...]:
        free = [int(n) for n, k in zip(values, self.fixed, strict=True) if k is None]
        return tuple(free[k] for k in self.order or range(len(free)))

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
        places = self._free(range(len(self.fixed)))
        given = dict(zip(places, index, strict=True))
        return tuple(given[axis] if k is None else k for axis, k in enumerate(self.fixed))

    def __getitem__(self, index: tuple[Any, ...]) -> np.ndarray:
        values = np.asarray(self.array[self._index(index)])
        if self.order is None:
            return values
        left = [k for k, each in zip(self.order, index, strict=True) if isinstance(each, slice)]
        return values.transpose(np.argsort(np.argsort(left)))

    def __setitem__(self, index: tuple[Any, ...], values: np.ndarray) -> None:
        self.array[self._index(index)] = values
