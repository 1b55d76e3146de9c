"""Data and measurements from callers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.arrays import as_array
from ..core.errors import InputError
from ..core.namespace import is_torch

Back = Callable[[Any], Any]


def as_given(values: Any, name: str) -> tuple[np.ndarray, Back]:
    """Return a finite array (n, \\*shape) in float32 or float64, and the way back to its kind."""
    array = as_array(values, name)
    torch_given = is_torch(array)
    array = array.detach().cpu().numpy() if torch_given else array
    if array.dtype.kind not in "iuf" or array.ndim < 1:
        raise InputError(f"{name} must be an array of real numbers with one item per row")
    array = array.astype(array.dtype if array.dtype == np.float32 else np.float64)
    array = array[:, None] if array.ndim == 1 else array
    if not np.isfinite(array).all():
        raise InputError(f"{name} holds NaN or infinite values")

    def back(result: Any) -> Any:
        if not torch_given:
            return result.numpy() if is_torch(result) else result
        import torch

        return result if is_torch(result) else torch.from_numpy(result)

    return array, back


def check_data(values: np.ndarray, name: str, *, fewest: int) -> None:
    """Raise `InputError` if there are too few items, or if all are equal."""
    if len(values) < fewest:
        raise InputError(f"{name} holds {len(values)} items; at least {fewest} are needed")
    if not np.ptp(values, axis=0).any():
        raise InputError(f"{name} is constant: all items are equal")


def check_pairs(x: np.ndarray, y: np.ndarray | None) -> None:
    """Raise `InputError` if x and y do not hold the same number of items."""
    if y is not None and len(x) != len(y):
        raise InputError(f"x holds {len(x)} items and y {len(y)}; they must be pairs")
