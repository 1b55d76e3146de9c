"""Progress and stopping: one contract for everything that iterates.

A function that takes ``on_step`` calls it with a report after each step. Every report has ``step``
(starting from 1) and ``num_steps`` (0 if the number is not known beforehand). A function that works
in stages gives the name of the current stage in ``stage``; ``num_steps`` then counts to the end of
that stage. If the callback returns True, the function stops and returns the best result so far.
Results with a status then have `Status.STOPPED`.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from .errors import InputError

Callback = Callable[[Any], object]


@dataclass(frozen=True)
class Progress:
    """The basic report: the current step, the number of steps and the current residual.

    ``stage`` names the current stage if there are several.
    """

    step: int
    num_steps: int = 0
    residual: float | None = None
    stage: str = ""


class Pictured:
    """A report with an image (None without ``gather``), made when the callback first reads it."""

    gather: Callable[[], Any] | None

    @cached_property
    def image(self) -> Any:
        """A copy of the current image, or None; `InputError` if first read after the callback."""
        return None if self.gather is None else 1 * self.gather()

    def close(self) -> None:
        """Refuse to compute the image from now on, as it would be that of a later step."""
        if self.gather is not None:
            object.__setattr__(self, "gather", _too_late)


def _too_late() -> None:
    raise InputError(
        "image of a step: read after its callback had returned, when it was another image; read "
        "step.image inside on_step (such as on_step=lambda step: images.append(step.image))"
    )


def check_callback(on_step: Callback | None, name: str = "on_step") -> None:
    """Check that ``on_step`` is callable or None."""
    if on_step is not None and not callable(on_step):
        raise InputError(f"{name}={on_step!r}; allowed are a callable or None")


def asks_to_stop(on_step: Callback | None, report: Any) -> bool:
    """Call the callback, if there is one, and return True if it asks to stop."""
    if on_step is None:
        return False
    answer = on_step(report)
    if isinstance(report, Pictured):
        report.close()
    return isinstance(answer, (bool, np.bool_)) and bool(answer)


class Reporter:
    """A sequence of reports, numbered from 1 across all stages of a function.

    ``stopped`` is True once the callback has asked to stop; it is not called again.
    """

    def __init__(self, on_step: Callback | None) -> None:
        check_callback(on_step)
        self._on_step = on_step
        self._count = 0
        self.stopped = False

    @property
    def listens(self) -> bool:
        """True if reports are wanted; if not, there is no need to compute their contents."""
        return self._on_step is not None and not self.stopped

    def __call__(self, report: Any) -> bool:
        """Pass on a report (its ``step`` is set here); return True if the function must stop."""
        if self.listens:
            self._count += 1
            self.stopped = asks_to_stop(self._on_step, replace(report, step=self._count))
        return self.stopped

    def residual(self, value: float | None, num_steps: int = 0) -> bool:
        """Pass on a plain `Progress` with this residual; return True if the function must stop."""
        return self(Progress(0, num_steps, value))

    @property
    def stage(self) -> Callback | None:
        """The ``on_step`` for one of several stages, or None if no reports are wanted.

        Only a stage with a name passes on its number of steps, else it is unclear what that counts.
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
        """The function that an iteration calls with its residual; None if there is no callback.

        After a stop, it returns True at once.
        """
        return None if self._on_step is None else self.residual
