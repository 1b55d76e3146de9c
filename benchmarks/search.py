"""How much effort does an accuracy need: doubling, then bisection, best of the variants."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from benchmarks.contender import Array, Contender

RATIO = 1.03  # the bisection stops when the two ends differ by less

Run = Callable[[int], Array]
Reached = Callable[[Array], bool]


@dataclass(frozen=True)
class Found:
    """The least effort found that reaches the accuracy, and with which variant."""

    variant: str
    effort: int


class OutOfBudget(Exception):
    """A solve took longer than the budget, or effort ran out, before the accuracy was reached."""


def least_effort(run: Run, reached: Reached, *, start: int, largest: int, budget_s: float) -> int:
    """Least effort (to 3 %) whose result passes ``reached``; monotone accuracy is assumed.

    Raises OutOfBudget when one solve exceeds ``budget_s`` seconds or ``largest`` is not enough.
    """
    low, high = 0, min(start, largest)
    while True:
        began = time.perf_counter()
        good = reached(run(high))
        seconds = time.perf_counter() - began
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
    """The variant that needs least effort, or None if none reaches the accuracy in the budget.

    A later variant is searched only below the best so far.
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
