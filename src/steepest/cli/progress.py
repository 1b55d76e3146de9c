"""Show progress on the terminal for computations that take longer than a second."""

from __future__ import annotations

import math
import shutil
import sys
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any

_TICK = 0.5  # seconds between updates of the line
_DELAY = 1.0  # seconds before the first update
_PATIENCE = 30.0  # the hint is printed if both the elapsed and remaining seconds exceed this
_LAST_STAGES = ("", "flow")
COMPILING = "compiling (only once, 5 to 20 s)"


def _words(step: Any) -> str:
    """Describe the contents of a progress report other than the step number."""
    if hasattr(step, "known"):  # from a mask method
        error = "" if step.error is None else f", error {step.error:.4f}"
        return f"{step.known} pixels, goal {step.target}{error}"
    if hasattr(step, "quality"):  # from dots
        return f"discrepancy {step.quality:.3f} x ideal"
    told = ((name, getattr(step, name, None)) for name in ("gap", "residual"))
    number = "" if getattr(step, "num_steps", 0) else f"step {step.step}, "
    known = ((name, value) for name, value in told if value is not None and value < math.inf)
    return number + ", ".join(f"{name} {value:.1e}" for name, value in known)


@contextmanager
def progress(
    label: str, *, enabled: bool = True, then: str = "finishing", hint: str = ""
) -> Iterator[Line | None]:
    """Provide a callback for ``on_step`` that draws a progress line on stderr.

    The callback is None if ``enabled`` is False or stderr is not a terminal. It accepts the reports
    of all functions: ``stage``, ``step`` and ``num_steps``, and the gap, residual or number of
    known pixels if reported. The line appears after one second and is erased at the end. Its clock
    keeps running between steps. After the last step, the line shows ``then``, the name of the next
    task. ``hint``, a suggestion for a faster computation, is printed if more than 30 seconds have
    passed and the remaining time is more than 30 seconds or unknown.
    """
    if not enabled or not sys.stderr.isatty():
        yield None
        return
    line, done = Line(label, then, hint), threading.Event()

    def tick() -> None:
        while not done.wait(_TICK):
            line.draw()

    clock = threading.Thread(target=tick, daemon=True)
    clock.start()
    try:
        with _told_of_compiling(line):
            yield line
    finally:
        done.set()
        clock.join()
        line.wipe()


class Line:
    """The state of a computation, shown in one line; call it with every report."""

    def __init__(self, label: str, then: str, hint: str) -> None:
        self.compiling = 0  # number of nested functions being compiled
        self._label, self._then, self._hint = label, then, hint
        self._begun, self._step, self._width = monotonic(), None, 0
        self._lock = threading.RLock()  # the clock draws from another thread
        self._enter("", 0)

    def _enter(self, stage: str, before: int) -> None:
        """Begin a new stage after ``before`` steps."""
        self._stage, self._before = stage, before
        self._changed = monotonic()  # the time of the last step
        self._seen: deque[tuple[float, int]] = deque([(self._changed, 0)], maxlen=20)

    def __call__(self, step: Any) -> None:
        """Store a report."""
        stage, last = getattr(step, "stage", ""), self._step
        if last is None and not stage:  # a resumed training does not begin with step 1
            self._seen[0] = (self._begun, step.step - 1)
        elif last is not None and step.step <= last.step:  # the reports are about another page
            self._enter(stage, 0)
        elif stage != self._stage:
            self._enter(stage, step.step - 1)
        self._step, self._changed = step, monotonic()

    def draw(self) -> None:
        """Redraw the line with the current time."""
        passed = monotonic() - self._begun
        if passed < _DELAY:
            return
        words, left = self._present()
        long = passed > _PATIENCE and (left is None or left > _PATIENCE) and not self.compiling
        if self._hint and long:
            self.wipe()
            sys.stderr.write(f"steepest: {self._hint}\n")
            self._hint = ""
        time = _clock(passed) + (f", about {_clock(max(left, 1))} left" if left else "")
        self._write(": ".join(text for text in (self._label, words) if text), f" [{time}]")

    def _present(self) -> tuple[str, float | None]:
        """Return a description of the current task and the remaining seconds (None if unknown)."""
        if self.compiling:
            return COMPILING, None
        step = self._step
        if step is None:
            return "", None
        if not step.num_steps:
            return f"{self._stage}, {_words(step)}".removeprefix(", "), None
        done, total = step.step - self._before, step.num_steps - self._before
        if done >= total:
            return (self._then if self._stage in _LAST_STAGES else self._stage), 0.0
        now, (then, before) = monotonic(), self._seen[0]
        self._seen.append((now, done))
        left = None
        if done > before:
            left = max((now - then) / (done - before), now - self._changed) * (total - done)
        share = f"{self._stage} {100 * done // total} %".strip()
        return f"{share}, {done}/{total}, {_words(step)}".removesuffix(", "), left

    def say(self, words: str) -> None:
        """Print a line on stdout, above this one."""
        with self._lock:
            self.wipe()
            print(words, flush=True)

    def _write(self, words: str, time: str) -> None:
        room = max(shutil.get_terminal_size().columns - 1 - len(time), 10)
        text = (words if len(words) <= room else f"{words[: room - 3]}...") + time
        with self._lock:
            sys.stderr.write("\r" + text.ljust(self._width))
            sys.stderr.flush()
            self._width = len(text)

    def wipe(self) -> None:
        """Erase the line from the terminal."""
        if self._width:
            sys.stderr.write("\r" + " " * self._width + "\r")
            sys.stderr.flush()
            self._width = 0


def _clock(seconds: float) -> str:
    """Format a duration as in "0:07", "12:30" or "1:05:00"."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


@contextmanager
def _told_of_compiling(line: Line) -> Iterator[None]:
    """Notify the line when numba compiles a function, that is, when its cache does not hold it."""
    from numba.core import event

    class Listener(event.Listener):  # type: ignore[misc]
        def on_start(self, event: Any) -> None:
            line.compiling += 1

        def on_end(self, event: Any) -> None:
            line.compiling -= 1

    with event.install_listener("numba:compile", Listener()):
        yield
