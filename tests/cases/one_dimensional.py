"""Exact one-dimensional TV flow, twice: by merging plateaus and by the taut string.

Scalar and unweighted only. In one dimension the flow at time t equals the ROF solution with
strength t, so the two algorithms, which share no idea, must agree.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from .case import Array


@dataclass(frozen=True)
class _Plateau:
    value: Fraction
    length: int


def _merge_equal(plateaus: list[_Plateau]) -> list[_Plateau]:
    merged: list[_Plateau] = []
    for plateau in plateaus:
        if merged and merged[-1].value == plateau.value:
            merged[-1] = _Plateau(plateau.value, merged[-1].length + plateau.length)
        else:
            merged.append(plateau)
    return merged


def _rates(plateaus: list[_Plateau]) -> list[Fraction]:
    """Each plateau moves at (sign of the jump on its right - sign on its left) / length."""
    steps = [1 if b.value > a.value else -1 for a, b in itertools.pairwise(plateaus)]
    signs = [0, *steps, 0]
    return [Fraction(signs[k + 1] - signs[k], p.length) for k, p in enumerate(plateaus)]


def _next_merge(plateaus: list[_Plateau], rates: list[Fraction]) -> Fraction | None:
    """Time until the first two neighbours meet, None when they never do (one plateau left)."""
    waits = []
    for k in range(len(plateaus) - 1):
        jump = plateaus[k + 1].value - plateaus[k].value
        closing = rates[k] - rates[k + 1]
        if jump * closing > 0:
            waits.append(jump / closing)
    return min(waits) if waits else None


def _advance(plateaus: list[_Plateau], rates: list[Fraction], wait: Fraction) -> list[_Plateau]:
    return [_Plateau(p.value + wait * r, p.length) for p, r in zip(plateaus, rates, strict=True)]


def _sample(plateaus: list[_Plateau]) -> list[float]:
    return [float(p.value) for p in plateaus for _ in range(p.length)]


def flow_by_merging(signal: Sequence[float] | Array, times: Sequence[float] | Array) -> Array:
    """TV flow of a 1-D signal at increasing times, shape (T, n), event by event.

    Plateaus move at constant speed until two neighbours meet and merge for good. Everything is
    done in rational arithmetic: only the returned samples are rounded (to float64).
    """
    plateaus = _merge_equal([_Plateau(Fraction(float(v)), 1) for v in signal])
    now, samples = Fraction(0), []
    for time in times:
        target = Fraction(float(time))
        while True:
            rates = _rates(plateaus)
            wait = _next_merge(plateaus, rates)
            if wait is None or now + wait > target:
                plateaus, now = _advance(plateaus, rates, target - now), target
                break
            plateaus, now = _merge_equal(_advance(plateaus, rates, wait)), now + wait
        samples.append(_sample(plateaus))
    return np.array(samples, dtype=np.float64).reshape(len(samples), len(signal))


def extinction_by_merging(signal: Sequence[float] | Array) -> float:
    """The time at which the 1-D flow becomes constant."""
    plateaus = _merge_equal([_Plateau(Fraction(float(v)), 1) for v in signal])
    now = Fraction(0)
    while len(plateaus) > 1:
        rates = _rates(plateaus)
        wait = _next_merge(plateaus, rates)
        if wait is None:
            raise AssertionError("two plateaus are left that never meet: impossible in 1-D")
        plateaus, now = _merge_equal(_advance(plateaus, rates, wait)), now + wait
    return float(now)


def rof_by_taut_string(signal: Sequence[float] | Array, strength: float) -> Array:
    """argmin_v 1/2 ||v - signal||^2 + strength * sum |v[i+1] - v[i]|, by the taut string.

    The shortest string through the tube of radius ``strength`` around the running sum of the
    signal, tied at both ends; its slopes are the answer. Walks from knot to knot, O(n^2) at worst.
    """
    values = np.asarray(signal, dtype=np.float64)
    size = values.size
    running = np.concatenate([[0.0], np.cumsum(values)])
    lower, upper = running - strength, running + strength
    lower[0] = upper[0] = running[0]
    lower[size] = upper[size] = running[size]
    slopes = np.empty(size)
    knot, height = 0, float(running[0])
    while knot < size:
        steepest_low, low_at, flattest_high, high_at = -np.inf, knot, np.inf, knot
        end, end_height = size, float(running[size])
        for j in range(knot + 1, size + 1):
            to_low = (lower[j] - height) / (j - knot)
            to_high = (upper[j] - height) / (j - knot)
            if to_low > flattest_high:
                end, end_height = high_at, float(upper[high_at])
                break
            if to_high < steepest_low:
                end, end_height = low_at, float(lower[low_at])
                break
            if to_low >= steepest_low:
                steepest_low, low_at = to_low, j
            if to_high <= flattest_high:
                flattest_high, high_at = to_high, j
        slopes[knot:end] = (end_height - height) / (end - knot)
        knot, height = end, end_height
    return slopes
