"""Progress and stopping: one contract for everything that iterates.

Where a function has ``on_step``, it calls it with a report after each step. Every report has
``step`` (1 for the first) and ``num_steps`` (0 where the number is not known beforehand). Where
the callback returns True, the function stops there and returns the best it has so far; results
with a status have `Status.STOPPED`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .errors import InputError

Callback = Callable[[Any], object]


@dataclass(frozen=True)
class Progress:
    """The plain report: which step it is, of how many, and how large the residual still is."""

    step: int
    num_steps: int = 0
    residual: float | None = None


def check_callback(on_step: Callback | None) -> None:
    """Callable, or None."""
    if on_step is not None and not callable(on_step):
        raise InputError(f"on_step={on_step!r} must be callable or None")


def asks_to_stop(on_step: Callback | None, report: Any) -> bool:
    """Tell the callback, if there is one; True where it asks to stop."""
    if on_step is None:
        return False
    answer = on_step(report)
    return isinstance(answer, (bool, np.bool_)) and bool(answer)
