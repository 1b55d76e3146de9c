"""Arguments that all iterations of inpainting share."""

from __future__ import annotations

from typing import Any

from ..core.numbers import check_count, check_number
from ..core.threads import resolve_num_threads


def check_iteration(tol: Any, max_num_iter: Any, num_threads: Any) -> tuple[float, int, int]:
    """A positive tolerance, a positive number of iterations, and how many threads to use.

    Raises
    ------
    InputError
        ``tol`` no positive number; ``max_num_iter`` or ``num_threads`` no positive integer.
    """
    return (
        check_number(tol, "tol", positive=True),
        check_count(max_num_iter, "max_num_iter"),
        resolve_num_threads(num_threads),
    )
