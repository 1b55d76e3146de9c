"""Threads that work on the strips of one image together, and start within microseconds.

A sweep takes a fraction of a millisecond, about as long as waking a thread takes. A worker that has
finished its strip therefore stays in compiled code for a moment (`flags.finish`), without the GIL,
and looks for the next ticket there; only then does it go to sleep. If the next job is for the same
kernel and the same arrays, the worker begins it without going through Python (`flags.stay`). The
first thread announces a ticket when it has entered compiled code itself, so that the GIL is free
for the others, and waits at the end of its strip until all have finished theirs.

If other programs keep the cores busy, a worker may begin late, and every job would wait for it.
When the first thread has waited longer than its own strip took, it does the next jobs alone: twice
as many each time a worker is late again.

These are plain Python threads: no OpenMP runtime is started, and forking stays safe.
"""

import os
import threading
from collections import deque
from collections.abc import Callable, Sequence
from functools import lru_cache
from time import perf_counter
from typing import Any

import numpy as np

from .flags import APART

ALONE = np.zeros(0, np.int64)  # the flags of a thread without a team
_LATE = 1e-3  # seconds: shorter waits are never late
_MOST_ALONE = 256  # jobs

Work = Callable[[Any, np.ndarray, int, int], object]


class _Member:
    """One worker of a team, and its letter box."""

    def __init__(self, number: int) -> None:
        self.number = number
        # One job at most: a later one replaces one whose caller was interrupted
        self.jobs: deque[tuple[Work, Any, np.ndarray, int]] = deque(maxlen=1)
        self.error: tuple[int, BaseException] | None = None
        self.asleep = self.awaited = False
        self.wake, self.finished = threading.Event(), threading.Event()
        threading.Thread(target=self.serve, name="steepest", daemon=True).start()

    def serve(self) -> None:
        """Take jobs for ever."""
        while True:
            if not self.jobs:
                self.asleep = True
                if not self.jobs:  # looked at again: one may have come before `asleep` was set
                    self.wake.wait()
                self.wake.clear()
                self.asleep = False
                continue
            work, item, flags, ticket = self.jobs.popleft()
            if flags[self.number * APART] < ticket:  # else it was done while in compiled code
                try:
                    work(item, flags, self.number, ticket)
                except BaseException as error:  # given to the first thread, which raises it
                    self.error = (ticket, error)
                if flags[self.number * APART] < ticket:
                    flags[self.number * APART] = ticket
            del work, item, flags  # or they would be kept until the next job
            if self.awaited:
                self.finished.set()

    def give(self, work: Work, item: Any, flags: np.ndarray, ticket: int) -> None:
        """Hand over a job."""
        self.finished.clear()
        self.jobs.append((work, item, flags, ticket))
        if self.asleep:
            self.wake.set()

    def wait(self, flags: np.ndarray, ticket: int) -> None:
        """Wait until the job is done, and raise what it raised."""
        self.awaited = True
        while flags[self.number * APART] != ticket:
            self.finished.wait(0.1)
            self.finished.clear()
        self.awaited = False
        if self.error is not None:
            (failed, error), self.error = self.error, None
            if failed == ticket:  # not in a job whose caller was interrupted
                raise error


class Team:
    """The calling thread, and as many workers as were ever needed at once."""

    def __init__(self) -> None:
        self._flags = np.zeros(APART, np.int64)
        self._ticket = 0
        self._busy = threading.Lock()
        self._others: list[_Member] = []
        self._alone = self._penalty = 0  # jobs to do alone now, and after the next late worker

    def run(self, work: Work, items: Sequence[Any], key: int = 0) -> None:
        """Call ``work(item, flags, member, ticket)`` for every item, each in its own thread.

        ``work`` must call a kernel that begins with `begin` and ends with `finish` or, if it can
        tell from what its arguments contain what to do next, with `stay`. It then does the next
        job with the same ``key`` (not 0) without a call. If another thread is using the team, the
        items are worked off one after another.
        """
        if not self._busy.acquire(blocking=False):
            run_alone(work, items)
            return
        try:
            if self._alone > 0:
                self._alone -= 1
                run_alone(work, items)
                return
            size = len(items)
            while len(self._others) < size - 1:
                self._others.append(_Member(len(self._others) + 1))
            if self._flags.size < size * APART:
                self._flags = np.zeros(size * APART, np.int64)
            flags, others = self._flags[: size * APART], self._others[: size - 1]
            self._ticket += 1
            ticket, flags[1] = self._ticket, key
            for member, item in zip(others, items[1:], strict=True):
                member.give(work, item, flags, ticket)
            begin = perf_counter()
            work(items[0], flags, 0, ticket)
            own = perf_counter()
            for member in others:
                if member.error or flags[member.number * APART] != ticket:
                    member.wait(flags, ticket)
            late = perf_counter() - own > max(own - begin, _LATE)
            self._penalty = min(2 * self._penalty + 4, _MOST_ALONE) if late else 0
            self._alone = self._penalty
        finally:
            self._busy.release()


def run_alone(work: Work, items: Sequence[Any]) -> None:
    """Do the same in the calling thread."""
    for item in items:
        work(item, ALONE, 0, 0)


@lru_cache(maxsize=1)
def _team(process: int) -> Team:
    del process  # a forked child must not inherit its parent's threads
    return Team()


def run_together(work: Work, items: Sequence[Any], key: int = 0) -> None:
    """Call ``work`` for every item, with one thread per item (see `Team.run`)."""
    if len(items) == 1:
        run_alone(work, items)
    else:
        _team(os.getpid()).run(work, items, key)
