"""Outcomes of a computation; the value of each is the sentence shown to the user."""

from __future__ import annotations

from enum import Enum
from typing import Any, TypeVar, cast

from .errors import NotConverged

Result = TypeVar("Result")


class Status(str, Enum):
    """How a solver ended.

    ``str(status)`` is a sentence. It begins with "converged" only if the number that the tolerance
    is about is within the tolerance (``status.converged``). ``status.ok`` says whether to trust the
    result; it is also True for ROUNDING, WIDER_GAP and LEARNED, which say what is weaker. The
    outcomes are in order, from good to bad.
    """

    NOTHING_REMOVED = "nothing was removed: the strength is 0"
    CONVERGED = "converged: the tolerance was met"
    ACCURACY_MET = "converged: the certified accuracy asked for was reached"
    THESE_WRAPS = (
        "converged: the gap is certified for these wraps; other multiples of 2 pi are not excluded"
    )
    STATIONARY = "converged to a stationary point: a lower energy is not excluded"
    AROUND_JUMPS = (
        "converged to a stationary point, except at a few pixels around points so far apart that "
        "their midpoint is not unique: there the energy jumps; a lower energy is not excluded"
    )
    EMBEDDED = "converged in the embedding: nothing is certified on the manifold"
    ROUNDING = (
        "limited by rounding: as accurate as the floating-point type allows, which is less than "
        "the tolerance"
    )
    WIDER_GAP = (
        "certified with a gap wider than the tolerance, which only the solver's own estimate met "
        "(for phases, with these wraps)"
    )
    UNCALIBRATED = "there are too few held-out pairs for a factor of the intervals"
    LEARNED = "predicted by a network: the certificate says how well"
    STOPPED = "stopped early: the on_step callback asked for it"
    MAX_ITERATIONS = "not converged: the iteration limit was reached before the tolerance was met"
    NO_DESCENT = "not converged: no further step lowers the energy, which is not smooth nearby"
    EMPTY_CLASS = "not converged: a class has no pixels; ask for fewer classes or less smoothing"
    ACCURACY_NOT_MET = "not converged: the certified accuracy asked for was not reached"

    @property
    def converged(self) -> bool:
        """True if every requested tolerance was met."""
        return self._precedes(Status.ROUNDING)

    @property
    def ok(self) -> bool:
        """True if the result is to be trusted: converged, or weaker in the way that is named."""
        return self._precedes(Status.STOPPED)

    def _precedes(self, other: Status) -> bool:
        order = list(Status)
        return order.index(self) < order.index(other)

    def __str__(self) -> str:
        return self.value

    @staticmethod
    def worst(statuses: list[Status]) -> Status:
        """Return the combined outcome of several parts: the last one in the order of definition."""
        order = list(Status)
        return max(statuses, key=order.index)


def finished(result: Result, raise_on_failure: bool) -> Result:
    """Return a result with a status, or raise `NotConverged` if it failed and that is wanted."""
    status: Status = cast(Any, result).status
    if raise_on_failure and not (status.ok or status is Status.STOPPED):
        raise NotConverged(str(status), result)
    return result
