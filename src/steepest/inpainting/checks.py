"""Arguments that all iterations of inpainting share."""

from __future__ import annotations

from typing import Any

from ..core.numbers import check_count, check_flag, check_number
from ..core.threads import resolve_num_threads


def check_scale(value: Any, name: str) -> float:
    """A parameter of an equation for values of range 1: float32 holds its square and its inverse.

    Raises
    ------
    InputError
        No number from 1e-12 to 1e12.
    """
    return check_number(value, name, positive=True, least=1e-12, most=1e12)


def check_iteration(
    tol: Any, max_num_iter: Any, num_threads: Any, raise_on_failure: Any = False
) -> tuple[float, int, int]:
    """A positive tolerance, a positive number of iterations, and how many threads to use.

    Raises
    ------
    InputError
        ``tol`` no positive number; ``max_num_iter`` or ``num_threads`` no positive integer;
        ``raise_on_failure`` not True or False.
    """
    check_flag(raise_on_failure, "raise_on_failure")
    return (
        check_number(tol, "tol", positive=True),
        check_count(max_num_iter, "max_num_iter"),
        resolve_num_threads(num_threads),
    )
