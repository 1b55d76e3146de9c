"""Find the effort that an accuracy needs, by doubling and bisection, for the best variant."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass

from benchmarks.contender import Array, Contender
from benchmarks.reference import CACHE

RATIO = 1.03  # the bisection stops when the ratio of its ends is smaller

Run = Callable[[int], Array]
Reached = Callable[[Array], bool]


@dataclass(frozen=True)
class Found:
    """The least effort found that reaches the accuracy, and its variant."""

    variant: str
    effort: int


class OutOfBudget(Exception):
    """The accuracy was not reached within the time budget or the largest effort."""


def least_effort(run: Run, reached: Reached, *, start: int, largest: int, budget_s: float) -> int:
    """The least effort (to 3 %) whose result passes ``reached``; assumes monotone accuracy.

    Raises OutOfBudget if one solve takes more than ``budget_s`` seconds of processor time or
    ``largest`` is not enough.
    """
    low, high = 0, min(start, largest)
    while True:
        began = time.process_time()
        good = reached(run(high))
        seconds = time.process_time() - began
        if good:
            break
        if high >= largest or seconds > budget_s:
            raise OutOfBudget
        low, high = high, min(2 * high, largest)
        if seconds * high / low > 2 * budget_s:
            raise OutOfBudget
    while high - low > 1 and high > RATIO * low:
        middle = (low + high) // 2
        if reached(run(middle)):
            high = middle
        else:
            low = middle
    return high


def best_variant(
    contender: Contender,
    runs: Mapping[str, Run],
    reached: Reached,
    *,
    start: int,
    budget_s: float,
) -> Found | None:
    """The variant that needs the least effort; None if none reaches the accuracy in the budget.

    Later variants are searched only below the best effort so far.
    """
    best: Found | None = None
    for label, run in runs.items():
        largest = contender.largest_effort if best is None else int(best.effort / RATIO)
        if largest < 1:
            break
        begin = start if best is None else largest
        try:
            effort = least_effort(run, reached, start=begin, largest=largest, budget_s=budget_s)
        except OutOfBudget:
            continue
        best = Found(label, effort)
    return best


def remembered(key: str, compute: Callable[[], Found | None]) -> Found | None:
    """Return ``compute()`` for this key from the cache, or compute and store it."""
    path = CACHE / "efforts.json"
    known = json.loads(path.read_text()) if path.exists() else {}
    if key not in known:
        found = compute()
        known[key] = asdict(found) if found else None
        CACHE.mkdir(exist_ok=True)
        path.write_text(json.dumps(known, indent=1) + "\n")
    return Found(**known[key]) if known[key] else None
