"""What comes in and goes out: data, measurements and samples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..core.arrays import as_array
from ..core.conformal import Samples
from ..core.errors import InputError
from ..core.namespace import detached, is_torch, namespace

Back = Callable[[Any], Any]


def as_given(values: Any, name: str) -> tuple[np.ndarray, Back]:
    """Return a finite array (n, \\*shape) in float32 or float64, and the way back to its kind."""
    given = as_array(values, name)
    array = detached(given)
    if array.dtype.kind not in "iuf" or array.ndim < 1:
        raise InputError(f"{name} must be an array of real numbers with one item per row")
    if not len(array):
        raise InputError(f"{name} holds no items")
    array = array.astype(array.dtype if array.dtype == np.float32 else np.float64)
    if not np.isfinite(array).all():
        raise InputError(f"{name} holds NaN or infinite values")

    def back(result: Any) -> Any:
        if is_torch(result):
            return result if is_torch(given) else result.numpy()
        return namespace(given).from_numpy(result) if is_torch(given) else result

    return array[:, None] if array.ndim == 1 else array, back


def check_data(values: np.ndarray, name: str, *, fewest: int) -> None:
    """Raise `InputError` if there are too few items, or if all are equal."""
    if len(values) < fewest:
        raise InputError(f"{name} holds {len(values)} items; at least {fewest} are needed")
    if not np.ptp(values, axis=0).any():
        raise InputError(f"{name} is constant: all items are equal")


def as_pairs(x: Any, y: Any, *names: str) -> tuple[np.ndarray, np.ndarray]:
    """Return data and measurements; raise `InputError` if they are not pairs."""
    one, two = (as_given(v, name)[0] for v, name in zip((x, y), names, strict=True))
    if len(one) != len(two):
        numbers = f"{names[0]} holds {len(one)} items and {names[1]} {len(two)}"
        raise InputError(f"{numbers}; they must be pairs")
    return one, two


@dataclass(frozen=True, eq=False)
class Draws(Samples):
    """Samples of the unknowns of n measurements.

    Attributes
    ----------
    samples : array or tensor (n, count, \\*shape)
        Tensors if the measurements were a tensor.
    time_error : float
        Estimated error of the samples by finite time steps: the root mean square difference from
        twice the number of steps with the same noise, on the scale of the samples. NaN for samplers
        without time steps.
    """

    time_error: float = float("nan")

    axis: ClassVar[int] = 1
