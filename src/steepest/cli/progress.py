"""Show progress on the terminal for computations that take longer than a second."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock, Timer
from time import monotonic
from typing import Any

_DELAY = 1.0  # seconds before the line appears
_LAST_STAGES = ("", "flow")
COMPILING = "compiling (only once, 5 to 20 s)"


@contextmanager
def progress(label: str, *, enabled: bool = True, then: str = "finishing") -> Iterator[Line | None]:
    """Provide a callback for ``on_step`` that draws a progress line on stderr.

    The callback is None if ``enabled`` is False or stderr is not a terminal. It accepts the reports
    of all functions: ``stage``, ``step`` and ``num_steps``, and the gap, residual or number of
    known pixels if reported. The line appears after one second and is erased at the end. After the
    last step, it shows ``then``, the name of the next task.
    """
    if not enabled or not sys.stderr.isatty():
        yield None
        return
    line = Line(label, then)
    try:
        with _watch_compiling(line):
            yield line
    finally:
        line.stop()


class Line:
    """A line that shows the state of a computation; call it with every report."""

    def __init__(self, label: str, then: str) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, ProgressColumn, TextColumn
        from rich.text import Text

        class Clock(ProgressColumn):
            def render(column, task: Any) -> Text:
                left = task.time_remaining
                rest = f", about {_clock(max(left, 1))} left" if left else ""
                return Text(f"[{_clock(monotonic() - self._begun)}{rest}]")

        self._bar = Progress(
            TextColumn("{task.description}", markup=False), BarColumn(20),
            TextColumn("{task.fields[words]}", markup=False), Clock(),
            console=Console(stderr=True), transient=True, refresh_per_second=5,
            redirect_stdout=False,
        )  # fmt: skip
        self._task = self._bar.add_task(label, total=None, words="")
        self._then, self._begun = then, monotonic()
        self._stage, self._before, self._last = "", 0, 0
        self.compiling, self._words = 0, ""  # number of nested functions being compiled
        self._lock, self._timer = Lock(), Timer(_DELAY, self._show)
        self._timer.daemon = True
        self._timer.start()

    def __call__(self, step: Any) -> None:
        """Show a report."""
        stage, words = getattr(step, "stage", ""), _words(step)
        again = step.step <= self._last  # the reports are about another page
        if again or stage != self._stage:
            self._stage, self._before = stage, 0 if again else step.step - 1
            self._bar.reset(self._task)
        self._last = step.step
        done, total = step.step - self._before, step.num_steps - self._before
        if not step.num_steps:
            words = f"{stage}, {words}".removeprefix(", ")
        elif done >= total:
            words = self._then if stage in _LAST_STAGES else stage
        else:
            share = f"{stage} {100 * done // total} %".strip()
            words = f"{share}, {done}/{total}, {words}".removesuffix(", ")
        self._words = words
        self._bar.update(self._task, completed=done, total=total if step.num_steps else None)
        self.update()

    def update(self) -> None:
        """Update the words."""
        (task,) = self._bar.tasks
        words = COMPILING if self.compiling else self._words
        began = words == COMPILING != task.fields["words"]
        self._bar.update(self._task, words=words)
        if began and self._bar.live.is_started:
            self._bar.refresh()  # at once: compiling holds up the thread that draws

    def say(self, words: str) -> None:
        """Print a line on stdout, above this one."""
        with self._lock:
            shown = self._bar.live.is_started
            self._bar.stop()
            print(words, flush=True)
            if shown:
                self._bar.start()

    def _show(self) -> None:
        with self._lock:
            self._bar.start()

    def stop(self) -> None:
        """Erase the line from the terminal."""
        self._timer.cancel()
        self._timer.join()
        self._bar.stop()


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


def _clock(seconds: float) -> str:
    """Format a duration as in "0:07", "12:30" or "1:05:00"."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


@contextmanager
def _watch_compiling(line: Line) -> Iterator[None]:
    """Notify the line when numba compiles a function, that is, when its cache does not hold it."""
    from numba.core import event

    class Listener(event.Listener):  # type: ignore[misc]
        def on_start(self, event: Any) -> None:
            line.compiling += 1
            line.update()

        def on_end(self, event: Any) -> None:
            line.compiling -= 1
            line.update()

    with event.install_listener("numba:compile", Listener()):
        yield
