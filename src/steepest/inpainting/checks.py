"""Checks of the arguments that all iterative inpainting methods share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..core.numbers import check_count, check_flag, check_number
from ..core.progress import Reporter
from ..core.threads import resolve_num_threads


def check_scale(value: Any, name: str) -> float:
    """Check a parameter of an equation for values of range 1.

    float32 can represent the square and the inverse of the parameter.

    Raises `InputError` if ``value`` is not a number from 1e-12 to 1e12.
    """
    return check_number(value, name, positive=True, least=1e-12, most=1e12)


@dataclass(frozen=True)
class Run:
    """The checked options of an iteration; ``num_threads`` is the number to use."""

    tol: float
    max_num_iter: int
    tell: Reporter
    num_threads: int
    raise_on_failure: bool


def check_iteration(
    tol: Any, max_num_iter: Any, on_step: Any, num_threads: Any, raise_on_failure: Any = False
) -> Run:
    """Check the options of an iteration.

    Raises `InputError` if ``tol`` is not a positive number, ``max_num_iter`` or ``num_threads`` is
    not a positive integer, ``raise_on_failure`` is not True or False, or ``on_step`` is not
    callable.
    """
    raising = check_flag(raise_on_failure, "raise_on_failure")
    return Run(
        check_number(tol, "tol", positive=True),
        check_count(max_num_iter, "max_num_iter"),
        Reporter(on_step),
        resolve_num_threads(num_threads),
        raising,
    )
