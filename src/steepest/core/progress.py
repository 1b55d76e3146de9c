"""Progress and stopping: one contract for everything that iterates.

Where a function has ``on_step``, it calls it with a report after each step. Every report has
``step`` (1 for the first) and ``num_steps`` (0 where the number is not known beforehand). A
function that works in stages names the present one in ``stage``; ``num_steps`` then counts to the
end of that stage. Where the callback returns True, the function stops there and returns the best
it has so far; results with a status have `Status.STOPPED`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .errors import InputError

Callback = Callable[[Any], object]


@dataclass(frozen=True)
class Progress:
    """The plain report: which step it is, of how many, and how large the residual still is.

    ``stage`` says what is being done, where there is more than one thing to do.
    """

    step: int
    num_steps: int = 0
    residual: float | None = None
    stage: str = ""


def check_callback(on_step: Callback | None, name: str = "on_step") -> None:
    """Callable, or None."""
    if on_step is not None and not callable(on_step):
        raise InputError(f"{name}={on_step!r}; allowed are a callable or None")


def asks_to_stop(on_step: Callback | None, report: Any) -> bool:
    """Tell the callback, if there is one; True where it asks to stop."""
    if on_step is None:
        return False
    answer = on_step(report)
    return isinstance(answer, (bool, np.bool_)) and bool(answer)


class Reporter:
    """One sequence of reports, whatever stages a function has: it numbers them from 1.

    ``stopped`` says whether the callback has asked to stop; it is not called again after that.

    Raises
    ------
    InputError
        ``on_step`` is neither callable nor None.
    """

    def __init__(self, on_step: Callback | None) -> None:
        check_callback(on_step)
        self._on_step = on_step
        self._count = 0
        self.stopped = False

    @property
    def listens(self) -> bool:
        """Whether anybody wants reports: if not, there is no need to compute what they tell."""
        return self._on_step is not None and not self.stopped

    def __call__(self, report: Any) -> bool:
        """Hand on a report (its ``step`` is set here); True where the function is to stop."""
        if self.listens:
            self._count += 1
            self.stopped = asks_to_stop(self._on_step, replace(report, step=self._count))
        return self.stopped

    def residual(self, value: float | None, num_steps: int = 0) -> bool:
        """The same with a plain `Progress`."""
        return self(Progress(0, num_steps, value))

    @property
    def stage(self) -> Callback | None:
        """The ``on_step`` of one stage of several; None where nobody listens.

        The number of its steps is handed on if the stage has a name: else nobody could tell what
        it counts.
        """
        if not self.listens:
            return None
        before = self._count

        def of_stage(report: Any) -> bool:
            known = report.num_steps if getattr(report, "stage", "") else 0
            return self(replace(report, num_steps=before + known if known else 0))

        return of_stage

    @property
    def watch(self) -> Callable[[float], bool] | None:
        """What an iteration is to call with its residual; None where nobody listens."""
        return self.residual if self.listens else None
