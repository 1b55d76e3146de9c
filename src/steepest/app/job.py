"""Computations besides the flow, in threads, with progress and cancellation."""

import logging
import threading
from concurrent.futures import Future
from typing import Any

import numpy as np

from ..core.errors import InputError
from ..io import Image
from . import few_pixels
from .source import result_file
from .tools import Args, Computation, Made

_log = logging.getLogger(__name__)
Answer = tuple[dict[str, Any], list[bytes]]


class Job:
    """Run a computation in a thread; stopped, it has a ``partial`` result if that is of use."""

    def __init__(self, work: Computation, *, partial: bool = True) -> None:
        self._partial, self._stop = partial, threading.Event()
        self._future: Future[Made] = Future()
        self._fraction: float | None = None
        threading.Thread(target=self._run, args=(work,), daemon=True).start()

    def stop(self) -> None:
        """Ask the computation to stop."""
        self._stop.set()

    @property
    def made(self) -> Made | None:
        """What has been made, when it is done."""
        done = self._future.done() and self._future.exception() is None
        return self._future.result() if done else None

    def poll(self) -> Answer:
        """Return ``{"status": "busy" or "done", "fraction": ..}``, with the answer when done."""
        if not self._future.done():
            return {"status": "busy", "fraction": self._fraction}, []
        made = self._future.result()
        fields = {**made.fields, "status": "done", "stopped": self._stop.is_set()}
        return fields, made.buffers

    def _run(self, work: Computation) -> None:
        try:
            made = work(self._on_step)
            if self._stop.is_set() and not self._partial:
                raise InputError("stopped")
            self._future.set_result(made)
        except Exception as error:
            if not isinstance(error, (InputError, MemoryError)):
                _log.exception("a computation failed")
            self._future.set_exception(InputError(describe_error(error)))

    def _on_step(self, step: Any) -> bool:
        total = getattr(step, "num_steps", 0)
        self._fraction = min(step.step / total, 1.0) if total else None
        return self._stop.is_set()


class Jobs:
    """What is computed for the page besides the flow: one thing at a time, and the ranking."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: Job | None = None
        self._ranks: Job | None = None

    def start(self, work: Computation, *, partial: bool = True) -> Answer:
        """Start a computation; the one before is stopped."""
        with self._lock:
            if self._running is not None:
                self._running.stop()
            self._running = Job(work, partial=partial)
        return {"status": "busy"}, []

    def poll(self) -> Answer:
        """Return the progress or the answer of what was started last."""
        job = self._running
        return job.poll() if job is not None else ({"status": "none"}, [])

    def stop(self) -> Answer:
        """Stop what was started last."""
        job = self._running
        if job is not None:
            job.stop()
        return {}, []

    def made(self, args: Args, limits: tuple[float, float]) -> Answer:
        """Return the image made last as a file, and its code; only that with ``{"code": true}``."""
        made = self._running.made if self._running is not None else None
        if made is None or made.image is None:
            raise InputError("no image has been made yet")
        code = made.code(args)
        if args.get("code"):
            return code, []
        name, data = result_file(made.image(args), made.what, args, limits)
        return {"name": name, **code}, [data]

    def rank(self, image: Image) -> Answer:
        """Return the ranks of all pixels (int32), computed once for each image."""
        with self._lock:
            if self._ranks is None:
                self._ranks = Job(few_pixels.ranking(image), partial=False)
            job = self._ranks
        return job.poll()

    def ranking(self, shape: tuple[int, ...]) -> np.ndarray | None:
        """Return the ranks, if they are known."""
        made = self._ranks.made if self._ranks is not None else None
        return np.frombuffer(made.buffers[0], np.int32).reshape(shape) if made else None

    def forget(self) -> None:
        """Stop everything: another image is open."""
        for job in (self._running, self._ranks):
            if job is not None:
                job.stop()
        self._running = self._ranks = None


def describe_error(error: Exception) -> str:
    """Return what the page shows for an exception of a computation."""
    if isinstance(error, MemoryError):
        return "not enough memory for this image"
    if isinstance(error, InputError):
        return str(error)
    return f"something went wrong in the program ({type(error).__name__}); its terminal shows where"
