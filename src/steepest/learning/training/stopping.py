"""Stop a training between two steps: after a time limit, on request, or by a callback."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

import torch

from .distributed import Team


@dataclass
class Stop:
    """Requests to stop: a deadline, a signal (``requested``) or a callback (``told``)."""

    deadline: float | None
    requested: bool = False
    told: bool = False

    def reason(self, team: Team) -> str:
        """Why to stop: "interrupted", "callback" or "time"; "" to continue.

        All processes get the same answer.
        """
        late = self.deadline is not None and time.monotonic() >= self.deadline
        wishes = {"interrupted": self.requested, "callback": self.told, "time": late}
        if team.size > 1:
            flags = torch.tensor([float(wish) for wish in wishes.values()], device=team.device)
            team.add_up([flags])
            wishes = {name: flag > 0 for name, flag in zip(wishes, flags.tolist(), strict=True)}
        return next((name for name, wish in wishes.items() if wish), "")


@contextmanager
def watch(max_minutes: float | None) -> Iterator[Stop]:
    """Turn Ctrl-C and SIGTERM into requests to stop; a second Ctrl-C interrupts immediately."""
    deadline = None if max_minutes is None else time.monotonic() + 60 * max_minutes
    stop = Stop(deadline)
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    interrupts = 0

    def ask(number: int, frame: FrameType | None) -> None:
        nonlocal interrupts
        interrupts += number == signal.SIGINT
        stop.requested = True
        if interrupts > 1:
            raise KeyboardInterrupt

    previous = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
