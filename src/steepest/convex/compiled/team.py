"""Threads that work on the strips of one image together, and start within microseconds.

A sweep takes a fraction of a millisecond, about as long as waking a thread takes. A worker that has
finished its strip therefore stays in compiled code for a moment (`flags.finish`), without the GIL,
and looks for the next ticket there; only then does it go to sleep. The first thread announces a
ticket when it has entered compiled code itself, so that the GIL is free for the others, and waits
at the end of its strip until all have finished theirs.

These are plain Python threads: no OpenMP runtime is started, and forking stays safe.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from .flags import APART

ALONE = np.zeros(0, np.int64)  # the flags of a thread without a team

Work = Callable[[Any, np.ndarray, int, int], object]


class _Member:
    """One worker of a team, and its letter box."""

    def __init__(self, team: Team, number: int) -> None:
        self.team, self.number = team, number
        self.job: tuple[Work, Any, int] | None = None
        self.error: BaseException | None = None
        self.asleep = self.awaited = False
        self.wake, self.finished = threading.Event(), threading.Event()
        threading.Thread(target=self.serve, name="steepest", daemon=True).start()

    def serve(self) -> None:
        """Take jobs for ever."""
        while True:
            if self.job is None:
                self.asleep = True
                if self.job is None:  # looked at again: it may have come before `asleep` was set
                    self.wake.wait()
                self.wake.clear()
                self.asleep = False
                continue
            (work, item, ticket), self.job = self.job, None
            try:
                work(item, self.team.flags, self.number, ticket)
            except BaseException as error:  # given to the first thread, which raises it
                self.error = error
            del work, item  # or they would be kept until the next job
            self.team.flags[self.number * APART] = ticket
            if self.awaited:
                self.finished.set()

    def give(self, work: Work, item: Any, ticket: int) -> None:
        """Hand over a job."""
        self.finished.clear()
        self.job = (work, item, ticket)
        if self.asleep:
            self.wake.set()

    def wait(self, ticket: int) -> None:
        """Wait until the job is done, and raise what it raised."""
        self.awaited = True
        while self.team.flags[self.number * APART] != ticket:
            self.finished.wait(0.1)
            self.finished.clear()
        self.awaited = False
        if self.error is not None:
            error, self.error = self.error, None
            raise error


class Team:
    """The calling thread and ``size - 1`` workers."""

    def __init__(self, size: int) -> None:
        self.flags = np.zeros(size * APART, np.int64)
        self._ticket = 0
        self._busy = threading.Lock()
        self._others = [_Member(self, number) for number in range(1, size)]

    def run(self, work: Work, items: Sequence[Any]) -> None:
        """Call ``work(item, flags, member, ticket)`` for every item, each in its own thread.

        ``work`` must call a kernel that begins with `begin` and ends with `finish`. If another
        thread is using the team, the items are worked off one after another.
        """
        if not self._busy.acquire(blocking=False):
            run_alone(work, items)
            return
        try:
            self._ticket += 1
            ticket = self._ticket
            for member, item in zip(self._others, items[1:], strict=True):
                member.give(work, item, ticket)
            work(items[0], self.flags, 0, ticket)
            for member in self._others:
                if member.error or self.flags[member.number * APART] != ticket:
                    member.wait(ticket)
        finally:
            self._busy.release()


def run_alone(work: Work, items: Sequence[Any]) -> None:
    """Do the same in the calling thread."""
    for item in items:
        work(item, ALONE, 0, 0)


@lru_cache(maxsize=8)
def _team(size: int, process: int) -> Team:
    del process  # a forked child must not inherit its parent's threads
    return Team(size)


def run_together(work: Work, items: Sequence[Any]) -> None:
    """Call ``work`` for every item, with one thread per item (see `Team.run`)."""
    if len(items) == 1:
        run_alone(work, items)
    else:
        _team(len(items), os.getpid()).run(work, items)
