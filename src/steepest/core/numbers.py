"""Validation of numbers: every number from a caller passes one of these functions.

They return a finite Python float or int. The number and its square lie in the range of double
precision. Anything else raises an `InputError` that names the argument.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from difflib import get_close_matches
from numbers import Real
from typing import Any

import numpy as np

from .errors import InputError
from .namespace import detached

SMALLEST, LARGEST = 1e-150, 1e150  # range of nonzero magnitudes: their squares are finite


def check_real(value: Any, name: str) -> float:
    """Check a finite real number of either sign, with magnitude 0 or 1e-150 to 1e150.

    Python and NumPy numbers are allowed, and arrays or tensors without axes, but no Booleans,
    strings or complex numbers.
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
    value: Any, name: str, *, positive: bool = False, least: float = 0.0, most: float = LARGEST
) -> float:
    """Check a finite real number from ``least`` (default 0) to ``most``.

    If ``positive`` is True, zero is not allowed.
    """
    number = check_real(value, name)
    if positive and number <= 0:
        raise InputError(f"{name}={value!r} must be finite and positive")
    if number < 0 and least == 0 and most == LARGEST:
        raise InputError(f"{name}={value!r} must be finite and zero or positive")
    if not least <= number <= most:
        raise InputError(f"{name}={value!r}; allowed are numbers from {least:g} to {most:g}")
    return number


def check_numbers(values: Any, name: str) -> np.ndarray:
    """Return finite real numbers of any shape (array, tensor or nested lists) in float64."""
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
    """Check a number that is not negative and may be infinite."""
    array = _as_array(value)
    if array is not None and array.shape == () and array.dtype.kind == "f" and array == np.inf:
        return float("inf")
    return check_number(value, name)


def check_fraction(value: Any, name: str) -> float:
    """Check a number above 0 and up to 1."""
    array = _as_array(value)
    if array is None or array.shape != () or array.dtype.kind not in "iuf" or not 0 < array <= 1:
        raise InputError(f"{name}={value!r}; allowed are numbers above 0 and up to 1")
    return float(array)


def check_count(value: Any, name: str, *, least: int = 1, most: int = 2**53) -> int:
    """Check an integer from ``least`` (default 1) to ``most``."""
    whole = isinstance(value, (int, np.integer)) and not isinstance(value, (bool, np.timedelta64))
    if not whole or value < least:
        allowed = "a positive integer" if least == 1 else f"an integer of at least {least}"
        raise InputError(f"{name}={value!r} must be {allowed}")
    if value > most:
        raise InputError(f"{name}={value!r} must be an integer of at most {most}")
    return int(value)


def check_flag(value: Any, name: str) -> bool:
    """Check a value that must be True or False."""
    if not isinstance(value, (bool, np.bool_)) and not (type(value) is int and value in (0, 1)):
        raise InputError(f"{name}={value!r} must be True or False")
    return bool(value)


def check_choice(value: Any, name: str, allowed: Sequence[str]) -> str:
    """Check a value that must be one of the strings ``allowed``."""
    if not isinstance(value, str) or value not in allowed:
        near = nearest(value, allowed) if isinstance(value, str) else ""
        raise InputError(f"{name}={value!r}; allowed is one of {', '.join(allowed)}{near}")
    return value


def nearest(word: str, words: Iterable[str]) -> str:
    """What is added to an error about a word that is not among these: the nearest, if any."""
    found = get_close_matches(word, list(words), 1)
    return f". Did you mean {found[0]}?" if found else ""


def counted(number: int, noun: str) -> str:
    """Return the number with its noun: "1 step", "2 steps", "2 passes"."""
    plural = "es" if noun.endswith("s") else "s"
    return f"{number} {noun}{'' if number == 1 else plural}"


def _as_float(value: Any) -> float | None:
    """Convert any real number to a float, infinite if it is too large; None for anything else."""
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
    """Convert the values to a plain array; None if NumPy cannot convert them."""
    if isinstance(values, np.ma.MaskedArray):
        return None
    try:
        return np.asarray(detached(values))
    except (TypeError, ValueError, OverflowError, RuntimeError):
        return None
