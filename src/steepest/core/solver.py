"""How hard an iteration tries: one set of options for everything that is solved."""

from dataclasses import dataclass
from typing import Any

from .errors import InputError
from .numbers import check_count, check_flag, check_number
from .threads import resolve_num_threads


@dataclass(frozen=True)
class Solver:
    """How hard to solve a problem, given as ``solver=`` to every function that iterates.

    Parameters
    ----------
    tol : float, optional
        Tolerance at which the iteration stops. The default, and what it measures (such as the
        relative duality gap), is that of the function.
    max_num_iter : int, optional
        Largest number of iterations. The default is that of the function.
    num_threads : int, optional
        Number of threads. The default is ``STEEPEST_NUM_THREADS`` or, if that is not set, the
        number of processors. It does not change the results.
    raise_on_failure : bool
        Whether to raise `NotConverged` if a tolerance is not met. By default, the result is
        returned, and its ``status`` describes the problem.

    Examples
    --------
    >>> import numpy as np, steepest
    >>> step = np.repeat([0.0, 1.0], 8)
    >>> exact = steepest.denoise_tv(step, 2.0, solver=steepest.Solver(tol=1e-10))
    >>> bool(np.allclose(exact.image[[0, -1]], [0.25, 0.75]))
    True
    """

    tol: float | None = None
    max_num_iter: int | None = None
    num_threads: int | None = None
    raise_on_failure: bool = False

    def __post_init__(self) -> None:
        if self.tol is not None:
            object.__setattr__(self, "tol", check_number(self.tol, "tol"))
        if self.max_num_iter is not None:
            count = check_count(self.max_num_iter, "max_num_iter")
            object.__setattr__(self, "max_num_iter", count)
        if self.num_threads is not None:
            resolve_num_threads(self.num_threads)
        flag = check_flag(self.raise_on_failure, "raise_on_failure")
        object.__setattr__(self, "raise_on_failure", flag)

    @property
    def threads(self) -> int:
        """The number of threads to use."""
        return resolve_num_threads(self.num_threads)


@dataclass(frozen=True)
class Limits(Solver):
    """A solver whose tolerance and limit are numbers: the options of one call."""

    tol: float
    max_num_iter: int

    @property
    def options(self) -> dict[str, Any]:
        """Tolerance, limit and threads, as keywords for a solver."""
        return {"tol": self.tol, "max_num_iter": self.max_num_iter, "num_threads": self.threads}


def limits(
    solver: Solver | None, tol: float, max_num_iter: int, *, positive: bool = False
) -> Limits:
    """Complete the options of a call by the defaults of a function, and check them."""
    given = Solver() if solver is None else solver
    if not isinstance(given, Solver):
        raise InputError(
            f"solver={solver!r} must be a steepest.Solver, such as Solver(tol={tol:g})"
        )
    if positive and given.tol == 0:
        raise InputError("tol=0 must be positive")
    return Limits(
        tol if given.tol is None else given.tol,
        max_num_iter if given.max_num_iter is None else given.max_num_iter,
        given.num_threads,
        given.raise_on_failure,
    )
