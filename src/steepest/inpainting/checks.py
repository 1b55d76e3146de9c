"""Checks of the arguments that all iterative inpainting methods share."""

from __future__ import annotations

from typing import Any

from ..core.numbers import check_count, check_flag, check_number
from ..core.threads import resolve_num_threads


def check_scale(value: Any, name: str) -> float:
    """Check a parameter of an equation for values of range 1.

    float32 can represent the square and the inverse of the parameter.

    Raises `InputError` if ``value`` is not a number from 1e-12 to 1e12.
    """
    return check_number(value, name, positive=True, least=1e-12, most=1e12)


def check_iteration(
    tol: Any, max_num_iter: Any, num_threads: Any, raise_on_failure: Any = False
) -> tuple[float, int, int]:
    """Check the tolerance and the number of iterations, and return the number of threads to use.

    Returns the tolerance, the maximum number of iterations and the number of threads.

    Raises `InputError` if ``tol`` is not a positive number, ``max_num_iter`` or ``num_threads`` is
    not a positive integer, or ``raise_on_failure`` is not True or False.
    """
    check_flag(raise_on_failure, "raise_on_failure")
    return (
        check_number(tol, "tol", positive=True),
        check_count(max_num_iter, "max_num_iter"),
        resolve_num_threads(num_threads),
    )
