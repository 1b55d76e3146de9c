"""Iterations for several right-hand sides in threads, with or without a callback.

An iteration is a generator: it yields its relative residual, ends when it is sent True, and returns
its result. Without a callback, each thread finishes one right-hand side after the other. With a
callback, all right-hand sides advance by one iteration between two calls. The callback's argument
then does not depend on the number of threads, all right-hand sides stop together, and ``watch`` is
called in the caller's thread.
"""

from collections.abc import Callable, Generator
from typing import Any

from ..core.threads import run_all, share_out

Iteration = Generator[float, Any, Any]
Watch = Callable[[float], bool]
"""A function of the largest relative residual of all right-hand sides; True stops them."""


def iterate_all(
    worker: Callable[[], Callable[[Any], Iteration]],
    items: Any,
    num_threads: int,
    watch: Watch | None,
) -> list[Any]:
    """The results of ``worker()(item)`` for all items; ``worker`` is called once per thread."""
    if watch is None:

        def finishing() -> Callable[[Any], Any]:
            begin = worker()
            return lambda item: run_to_end(begin(item))

        return share_out(finishing, items, num_threads)
    threads = max(min(num_threads, len(items)), 1)
    workers = [worker() for _ in range(threads)]
    running = [_Running(workers[k % threads](item)) for k, item in enumerate(items)]
    groups = [running[k::threads] for k in range(threads)]
    stop = False
    while any(each.going for each in running):
        run_all(lambda group: [each.advance(stop) for each in group], groups)  # noqa: B023
        if any(each.going for each in running) and not stop:
            stop = watch(max(each.residual for each in running))
    return [each.result for each in running]


class _Running:
    """A running iteration, between two of its steps."""

    def __init__(self, iteration: Iteration) -> None:
        self._iteration = iteration
        self.going, self.residual, self.result = True, 0.0, None

    def advance(self, stop: bool = False) -> None:
        if self.going:
            try:
                self.residual = self._iteration.send(stop or None)
            except StopIteration as end:
                self.going, self.result = False, end.value


def run_to_end(iteration: Iteration) -> Any:
    """The result of an iteration."""
    running = _Running(iteration)
    while running.going:
        running.advance()
    return running.result
