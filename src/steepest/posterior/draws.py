"""What comes in and goes out: data, measurements and samples."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..core.arrays import as_array
from ..core.conformal import Samples
from ..core.errors import InputError
from ..core.namespace import detached, is_torch, namespace
from ..core.numbers import check_count

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
        return namespace(given).as_tensor(result) if is_torch(given) else detached(result)

    return array[:, None] if array.ndim == 1 else array, back


def check_data(values: np.ndarray, name: str, *, fewest: int) -> None:
    """Raise `InputError` if there are too few items, or if all are equal."""
    if not values[0].size:
        raise InputError(f"{name} has items without values")
    if len(values) < fewest:
        raise InputError(f"{name} holds {len(values)} items; at least {fewest} are needed")
    if not np.ptp(values, axis=0).any():
        raise InputError(f"{name} is constant: all items are equal")


def as_pairs(
    x: Any, y: Any, *names: str, shape: tuple[int, ...] | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return data, of a shape if one is given, and measurements; both must be pairs."""
    one, two = (as_given(v, name)[0] for v, name in zip((x, y), names, strict=True))
    if len(one) != len(two):
        numbers = f"{names[0]} holds {len(one)} items and {names[1]} {len(two)}"
        raise InputError(f"{numbers}; they must be pairs")
    if shape is not None and one.shape[1:] != shape:
        raise InputError(f"{names[0]} must hold data of shape {shape}, not {one.shape[1:]}")
    return one, two


def as_shape(shape: Any) -> tuple[int, ...]:
    """Return a shape that was given as numbers or, for vectors, as one number."""
    return tuple(check_count(n, "shape") for n in ([shape] if np.ndim(shape) == 0 else shape))


def check_function(function: Any, name: str, takes: str) -> None:
    """Raise `InputError` if this is not a function of so many arguments."""
    try:
        inspect.signature(function).bind(*takes.split(", "))
    except ValueError:  # compiled functions have no signature
        return
    except TypeError as error:
        raise InputError(f"{name} must be a function ({takes}): {error}") from None


def check_methods(value: Any, name: str, *methods: str) -> None:
    """Raise `InputError` if an object does not have these methods."""
    for method in methods:
        if isinstance(value, type) or not callable(getattr(value, method, None)):
            raise InputError(f"{name} of type {type(value).__name__} has no method {method}")


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
