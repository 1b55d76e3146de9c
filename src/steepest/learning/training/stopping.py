"""Stop between two steps: when the time is up, or when somebody asks."""

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
    """Whether to go on; ``reason`` is "" until then."""

    deadline: float | None
    requested: bool = False

    def reason(self, team: Team) -> str:
        """ "interrupted", "time", or "" to go on: the same answer in all processes."""
        requested = self.requested
        late = self.deadline is not None and time.monotonic() >= self.deadline
        if team.size > 1:
            flags = torch.tensor([float(requested), float(late)], device=team.device)
            team.add_up([flags])
            requested, late = (flag > 0 for flag in flags.tolist())
        return "interrupted" if requested else "time" if late else ""


@contextmanager
def watch(max_minutes: float | None) -> Iterator[Stop]:
    """Turn Ctrl-C and SIGTERM into requests to stop; a second Ctrl-C interrupts at once."""
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
