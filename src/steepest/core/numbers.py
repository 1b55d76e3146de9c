"""The gate for numbers: every number that a caller gives passes one of these functions.

What passes is a finite Python float or int in a range in which neither it nor its square leaves
double precision; everything else is an `InputError` that names the argument.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from numbers import Real
from typing import Any

import numpy as np

from .errors import InputError
from .namespace import detached

SMALLEST, LARGEST = 1e-150, 1e150  # of magnitudes other than zero: their squares are finite


def check_real(value: Any, name: str) -> float:
    """A finite real number of either sign, of magnitude zero or 1e-150 to 1e150.

    Python and NumPy numbers and arrays or tensors without axes; no Booleans, strings or complex
    numbers.
    """
    number = _as_float(value)
    if number is None:
        raise InputError(f"{name}={value!r} is not a number")
    if not np.isfinite(number):
        raise InputError(f"{name}={value!r} must be finite")
    if number != 0 and not SMALLEST <= abs(number) <= LARGEST:
        raise InputError(f"{name}={value!r}; allowed are magnitudes of 0 and 1e-150 to 1e150")
    return number


def check_number(
    value: Any,
    name: str,
    *,
    positive: bool = False,
    least: float = 0.0,
    most: float = LARGEST,
) -> float:
    """A finite real number from ``least`` (default 0) to ``most``; positive: not zero either."""
    number = check_real(value, name)
    if positive and number <= 0:
        raise InputError(f"{name}={value!r} must be finite and positive")
    if number < 0 and least == 0:
        raise InputError(f"{name}={value!r} must be finite and zero or positive")
    if not least <= number <= most:
        raise InputError(f"{name}={value!r}; allowed are numbers from {least:g} to {most:g}")
    return number


def check_numbers(values: Any, name: str) -> np.ndarray:
    """Finite real numbers in float64, of any shape: an array, a tensor, nested lists."""
    array = _as_array(values)
    if array is None or array.dtype.kind not in "iuf":
        raise InputError(f"{name}={values!r} is not a number or a list of numbers")
    with np.errstate(over="ignore"):
        array = array.astype(np.float64)
    magnitude = np.abs(array)
    if not bool(np.isfinite(array).all()):
        raise InputError(f"{name}={values!r} must be finite")
    if not bool(((array == 0) | ((magnitude >= SMALLEST) & (magnitude <= LARGEST))).all()):
        raise InputError(f"{name}={values!r}; allowed are magnitudes of 0 and 1e-150 to 1e150")
    return array


def check_limit(value: Any, name: str) -> float:
    """A number that is not negative, or infinity."""
    array = _as_array(value)
    if array is not None and array.shape == () and array.dtype.kind == "f" and array == np.inf:
        return float("inf")
    return check_number(value, name)


def check_fraction(value: Any, name: str) -> float:
    """A number above 0 and up to 1."""
    array = _as_array(value)
    if array is None or array.shape != () or array.dtype.kind not in "iuf" or not 0 < array <= 1:
        raise InputError(f"{name}={value!r}; allowed are numbers above 0 and up to 1")
    return float(array)


def check_count(value: Any, name: str, *, least: int = 1, most: int = 2**53) -> int:
    """An integer from ``least`` (default 1) to ``most``."""
    whole = isinstance(value, (int, np.integer)) and not isinstance(value, (bool, np.timedelta64))
    if not whole or value < least:
        allowed = "a positive integer" if least == 1 else f"an integer of at least {least}"
        raise InputError(f"{name}={value!r} must be {allowed}")
    if value > most:
        raise InputError(f"{name}={value!r} must be an integer of at most {most}")
    return int(value)


def check_flag(value: Any, name: str) -> bool:
    """True or False."""
    if not isinstance(value, (bool, np.bool_)) and not (type(value) is int and value in (0, 1)):
        raise InputError(f"{name}={value!r} must be True or False")
    return bool(value)


def check_choice(value: Any, name: str, allowed: Sequence[str]) -> str:
    """One of the strings ``allowed``."""
    if not isinstance(value, str) or value not in allowed:
        raise InputError(f"{name}={value!r}; allowed is one of {', '.join(allowed)}")
    return value


def _as_float(value: Any) -> float | None:
    """A real number of any kind as a float, infinite where it is too large; None for the rest."""
    if isinstance(value, (Real, Decimal)) and not isinstance(value, (bool, np.timedelta64)):
        try:
            return float(value)
        except (OverflowError, ValueError):
            return float("inf")
    array = _as_array(value)
    if array is None or array.shape != () or array.dtype.kind not in "iuf":
        return None
    return float(array)


def _as_array(values: Any) -> np.ndarray | None:
    """The values as a plain array, or None where NumPy makes none of them."""
    if isinstance(values, np.ma.MaskedArray):
        return None
    try:
        return np.asarray(detached(values))
    except (TypeError, ValueError, OverflowError, RuntimeError):
        return None
