"""Progress on the terminal for what takes longer than a second."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


def _words(step: Any) -> str:
    """What a report tells besides which step it is."""
    if hasattr(step, "known"):  # of a mask method
        error = "" if step.error is None else f", error {step.error:.4f}"
        return f"{step.known} pixels, goal {step.target}{error}"
    told = ((name, getattr(step, name, None)) for name in ("gap", "residual"))
    number = "" if getattr(step, "num_steps", 0) else f"step {step.step}, "
    return number + ", ".join(f"{name} {value:.1e}" for name, value in told if value is not None)


@contextmanager
def progress(label: str, *, enabled: bool = True) -> Iterator[Callable[[Any], None] | None]:
    """A callback for ``on_step`` that draws a bar on stderr; None if that is no terminal.

    It takes the reports of every function: their ``step`` and ``num_steps``, and what they tell of
    gap, residual, or known pixels. The bar appears after a second and is wiped at the end; between
    steps the clock in it goes on.
    """
    if not enabled or not sys.stderr.isatty():
        yield None
        return
    from tqdm import tqdm

    layout = "{desc}: {elapsed} {postfix}"
    bar: Any = tqdm(desc=label, delay=1.0, leave=False, bar_format=layout, file=sys.stderr)
    done = threading.Event()

    def tick() -> None:
        while not done.wait(0.5):
            bar.update(0) if bar.n else bar.refresh() if bar.format_dict["elapsed"] > 1 else None

    def on_step(step: Any) -> None:
        bar.total = step.num_steps or None
        bar.bar_format = None if bar.total else layout
        bar.set_postfix_str(_words(step), refresh=False)
        if step.step < bar.n:  # another page
            bar.n = bar.last_print_n = 0
        bar.update(step.step - bar.n)

    clock = threading.Thread(target=tick, daemon=True)
    clock.start()
    try:
        yield on_step
    finally:
        done.set()
        clock.join()
        bar.close()
