"""Interleaved timing in one process (A B C A B C ...): medians and their spread."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

SHORT_S = 0.02  # a call shorter than this is repeated several times per round
WARM_S = 5.0  # an untimed call comes before calls shorter than this
PAUSE_S = 0.01  # lets the threads of the previous contender go to sleep


@dataclass(frozen=True)
class Timing:
    """Seconds per call: median, smallest, largest, quartiles, and the number of samples."""

    median: float
    least: float
    largest: float
    lower_quartile: float
    upper_quartile: float
    count: int

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def summarise(samples: list[float]) -> Timing:
    """Statistics of one contender's samples."""
    if len(samples) > 1:
        lower, _, upper = statistics.quantiles(samples, n=4, method="inclusive")
    else:
        lower = upper = samples[0]
    median = statistics.median(samples)
    return Timing(median, min(samples), max(samples), lower, upper, len(samples))


def interleave(
    calls: Mapping[str, Callable[[], Any]], *, repeats: int, budget_s: float, least: int = 3
) -> dict[str, Timing]:
    """Time the calls in turn, for ``repeats`` rounds after one untimed round.

    A contender that has used ``budget_s`` seconds and has ``least`` samples skips the remaining
    rounds. Short calls are repeated up to five times per round. An untimed call before them refills
    the caches, and gets the memory from the system again that the last contender gave back.
    """
    samples: dict[str, list[float]] = {name: [] for name in calls}
    warm = {name: _timed(call) for name, call in calls.items()}
    gc.collect()
    gc.disable()
    try:
        for _ in range(repeats):
            for name, call in calls.items():
                taken = samples[name]
                if len(taken) >= least and sum(taken) > budget_s:
                    continue
                time.sleep(PAUSE_S)
                inner = 1 + min(4, int(SHORT_S / max(warm[name], 1e-4)))
                if warm[name] < WARM_S:
                    call()
                taken.extend(_timed(call) for _ in range(inner))
    finally:
        gc.enable()
    return {name: summarise(taken) for name, taken in samples.items()}


def _timed(call: Callable[[], Any]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began
