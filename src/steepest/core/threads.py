"""Running the strips of an image on several cores with plain Python threads.

The compiled kernels release the GIL, so threads suffice. No OpenMP runtime is started, forking is
safe, and the thread pools of other libraries are not affected.
"""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any

from .numbers import check_count


def default_num_threads() -> int:
    """Return ``STEEPEST_NUM_THREADS``, or the number of processors this process may use."""
    given = os.environ.get("STEEPEST_NUM_THREADS", "")
    if given.isdigit() and int(given) > 0:
        return int(given)
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on Linux
        return os.cpu_count() or 1


def resolve_num_threads(num_threads: int | None) -> int:
    """Return the number of threads to use: ``num_threads`` if given, otherwise the default."""
    return default_num_threads() if num_threads is None else check_count(num_threads, "num_threads")


@lru_cache(maxsize=4)
def _pool(size: int, process: int) -> ThreadPoolExecutor:
    del process  # a forked child must not inherit its parent's threads
    return ThreadPoolExecutor(size, thread_name_prefix="steepest")


def run_all(function: Callable[[Any], Any], items: Sequence[Any]) -> list[Any]:
    """Compute ``[function(item) for item in items]`` in parallel, the first item in this thread."""
    if len(items) == 1:
        return [function(items[0])]
    pool = _pool(len(items) - 1, os.getpid())
    futures = [pool.submit(function, item) for item in items[1:]]
    return [function(items[0]), *(future.result() for future in futures)]


def share_out(
    worker: Callable[[], Callable[[Any], Any]], items: Any, num_threads: int
) -> list[Any]:
    """``[worker()(item) for item in items]``, with one ``worker()`` in each of the threads."""
    count = max(min(num_threads, len(items)), 1)

    def share(first: int) -> list[Any]:
        function = worker()
        return [function(item) for item in items[first::count]]

    parts = run_all(share, range(count))
    return [parts[i % count][i // count] for i in range(len(items))]
