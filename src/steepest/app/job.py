"""One computation besides the flow, in a thread, with progress and cancellation."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from ..core.errors import InputError

Answer = tuple[dict[str, Any], list[bytes]]


class Job:
    """Run ``work(on_step)`` in a thread.

    A job that is stopped still answers, with the best result so far, as all functions that take
    ``on_step`` do; but not if a ``partial`` result is of no use.
    """

    def __init__(
        self, work: Callable[[Callable[[Any], bool]], Answer], *, partial: bool = True
    ) -> None:
        self._partial, self._stop = partial, threading.Event()
        self._future: Future[Answer] = Future()
        self._fraction: float | None = None
        threading.Thread(target=self._run, args=(work,), daemon=True).start()

    def stop(self) -> None:
        """Ask the computation to stop."""
        self._stop.set()

    @property
    def done(self) -> bool:
        """Whether there is an answer."""
        return self._future.done() and self._future.exception() is None

    def poll(self) -> Answer:
        """Return ``{"status": "busy" or "done", "fraction": ..}``, with the answer when done.

        Raises
        ------
        InputError
            If the computation has failed.
        """
        if not self._future.done():
            return {"status": "busy", "fraction": self._fraction}, []
        fields, buffers = self._future.result()
        return {**fields, "status": "done", "stopped": self._stop.is_set()}, buffers

    def _run(self, work: Callable[[Callable[[Any], bool]], Answer]) -> None:
        try:
            answer = work(self._on_step)
            if self._stop.is_set() and not self._partial:
                raise InputError("stopped")
            self._future.set_result(answer)
        except Exception as error:
            self._future.set_exception(InputError(describe_error(error)))

    def _on_step(self, step: Any) -> bool:
        total = getattr(step, "num_steps", 0)
        self._fraction = min(step.step / total, 1.0) if total else None
        return self._stop.is_set()


def describe_error(error: Exception) -> str:
    """Return what the page shows for an exception of a computation."""
    if isinstance(error, MemoryError):
        return "not enough memory for this image"
    return str(error) if isinstance(error, InputError) else f"unexpected {type(error).__name__}"
