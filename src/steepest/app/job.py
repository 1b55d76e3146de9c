"""One computation besides the flow, in a thread, with progress and cancellation."""

from __future__ import annotations

import threading
from collections.abc import Callable
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
        self._partial = partial
        self._stop = threading.Event()
        self._answer: Answer | None = None
        self._error = ""
        self._fraction: float | None = None
        self._thread = threading.Thread(target=self._run, args=(work,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ask the computation to stop."""
        self._stop.set()

    @property
    def done(self) -> bool:
        """Whether there is an answer."""
        return self._answer is not None

    def wait(self, timeout: float | None = None) -> None:
        """Wait for the end."""
        self._thread.join(timeout)

    def poll(self) -> Answer:
        """Return ``{"status": "busy" or "done", "fraction": ..}``, with the answer when done.

        Raises
        ------
        InputError
            If the computation has failed.
        """
        if self._thread.is_alive():
            return {"status": "busy", "fraction": self._fraction}, []
        if self._answer is None:
            raise InputError(self._error)
        fields, buffers = self._answer
        return {**fields, "status": "done", "stopped": self._stop.is_set()}, buffers

    def _run(self, work: Callable[[Callable[[Any], bool]], Answer]) -> None:
        try:
            answer = work(self._on_step)
            if self._partial or not self._stop.is_set():
                self._answer = answer
            self._error = "stopped"
        except MemoryError:
            self._error = "not enough memory"
        except Exception as error:
            known = isinstance(error, InputError)
            self._error = str(error) if known else f"unexpected {type(error).__name__}"

    def _on_step(self, step: Any) -> bool:
        total = getattr(step, "num_steps", 0)
        self._fraction = min(step.step / total, 1.0) if total else None
        return self._stop.is_set()
