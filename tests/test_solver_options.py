"""The options that say how hard to solve."""

from typing import Any

import pytest

from steepest import InputError, Solver
from steepest.core.solver import limits


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("tol", -1e-3),
        ("tol", "small"),
        ("max_num_iter", 0),
        ("max_num_iter", 2.5),
        ("num_threads", 0),
        ("raise_on_failure", "yes"),
    ],
)
def test_bad_options_are_refused_by_name(option: str, value: Any) -> None:
    with pytest.raises(InputError, match=option):
        Solver(**{option: value})


def test_what_is_not_given_is_the_default_of_the_function() -> None:
    assert limits(None, 1e-4, 70) == limits(Solver(), 1e-4, 70)
    completed = limits(Solver(tol=0.5, num_threads=3), 1e-4, 70)
    assert (completed.tol, completed.max_num_iter, completed.threads) == (0.5, 70, 3)


def test_a_tolerance_of_zero_may_be_refused() -> None:
    assert limits(Solver(tol=0), 1e-4, 70).tol == 0
    with pytest.raises(InputError, match="tol=0"):
        limits(Solver(tol=0), 1e-4, 70, positive=True)


def test_what_is_not_a_solver_is_refused() -> None:
    with pytest.raises(InputError, match=r"solver=0\.001 must be a steepest\.Solver"):
        limits(0.001, 1e-4, 70)  # type: ignore[arg-type]
