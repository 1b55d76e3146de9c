"""Progress on the terminal for what takes longer than a second."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def progress(label: str, *, enabled: bool = True) -> Iterator[Callable[[Any], None]]:
    """A callback for ``on_step`` that draws a bar on stderr, only if that is a terminal.

    The bar appears after a second and is wiped at the end; between steps (and where none are
    reported) the clock in it goes on. On a pipe nothing is drawn.
    """
    if not enabled or not sys.stderr.isatty():
        yield lambda step: None
        return
    from tqdm import tqdm

    layout = "{desc}: {elapsed} {postfix}"
    bar: Any = tqdm(desc=label, delay=1.0, leave=False, bar_format=layout, file=sys.stderr)
    done = threading.Event()

    def tick() -> None:
        while not done.wait(0.5):
            bar.update(0) if bar.n else bar.refresh() if bar.format_dict["elapsed"] > 1 else None

    def on_step(step: Any) -> None:
        if hasattr(step, "known"):  # of a mask method: no number of steps is known
            error = "" if step.error is None else f", error {step.error:.4f}"
            bar.set_postfix_str(f"{step.known} pixels, goal {step.target}{error}", refresh=False)
            bar.update(1)
            return
        bar.total = getattr(step, "num_steps", 0) or None
        if bar.total:
            bar.bar_format = None
        gap = getattr(step, "gap", None)
        if gap is not None:
            bar.set_postfix_str(f"gap {gap:.1e}", refresh=False)
        bar.update(step.step - bar.n)

    clock = threading.Thread(target=tick, daemon=True)
    clock.start()
    try:
        yield on_step
    finally:
        done.set()
        clock.join()
        bar.close()
