"""Check the arguments of the plotting functions."""

from typing import Any

import numpy as np

from steepest.core.arrays import as_array, check_magnitude, dtype_name, normalize_axis
from steepest.core.errors import InputError
from steepest.core.namespace import detached
from steepest.core.numbers import check_numbers, check_real


def check_image(image: Any, channel_axis: int | None, name: str) -> np.ndarray:
    """Check an image and return it as float64 with any channels on the last axis."""
    array = as_array(image, name)
    if dtype_name(array).lstrip("u").rstrip("0123456789") not in ("int", "float", "bool"):
        raise InputError(f"{name} has dtype {array.dtype}; allowed are real numbers")
    array = np.asarray(detached(array), np.float64)
    axis = normalize_axis(channel_axis, array.ndim, "channel_axis")
    if array.size == 0 or not 1 <= array.ndim - (axis is not None) <= 3:
        raise InputError(
            f"{name} of shape {array.shape} cannot be shown; allowed are 1 to 3 spatial axes"
        )
    if not np.isfinite(array).all():
        raise InputError(f"{name} holds NaN or infinite values; every value must be finite")
    check_magnitude(array, name)
    return array if axis is None else np.moveaxis(array, axis, -1)


def check_list(values: Any, name: str) -> list[Any]:
    """Return the entries of a list, or of an array along its first axis."""
    try:
        return [values[i] for i in range(len(values))]
    except (TypeError, KeyError):
        raise InputError(
            f"{name} of type {type(values).__name__} is neither a list nor an array"
        ) from None


def check_line(values: Any, name: str) -> np.ndarray:
    """Check a list of finite numbers and return it as a 1-D array."""
    numbers = check_numbers(values, name)
    if numbers.ndim != 1:
        raise InputError(f"{name} of shape {numbers.shape}; allowed are lists of numbers")
    return numbers


def check_limits(limits: Any) -> tuple[float, float]:
    """Check a pair of increasing numbers."""
    values = check_line(limits, "limits")
    if values.size != 2 or not values[0] < values[1]:
        raise InputError(f"limits={limits!r}; allowed are two numbers, the first the smaller")
    return float(values[0]), float(values[1])


def check_edges(edges: Any) -> np.ndarray:
    """Check a list of non-decreasing times; the last one may be infinite."""
    values = check_list(edges, "edges") or [np.nan]
    last = values[-1]
    if not isinstance(last, (float, np.floating)) or last != np.inf:
        last = check_real(last, "edges")
    times = np.append(check_line(values[:-1], "edges"), last)
    if not (np.diff(times) >= 0).all():
        raise InputError(f"edges={edges!r} must not decrease")
    return times


def escape(text: Any, name: str) -> str:
    """Escape text so that matplotlib takes nothing in it for a formula."""
    if not isinstance(text, str):
        raise InputError(f"{name}={text!r}; allowed are strings")
    shown = "".join(letter if letter.isprintable() else "?" for letter in text)
    return shown.replace("$", r"\$")
