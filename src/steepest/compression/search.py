"""Search for the density that meets a size or a quality.

Up to small irregularities, the size and the PSNR of a compressed image grow with the density. PSNR
and the logarithm of the size are about linear in the logarithm of the density. A bracket on this
scale is narrowed by interpolation, restricted to its inner four fifths.
"""

from __future__ import annotations

from collections.abc import Callable
from math import exp, inf, log
from typing import Protocol, TypeVar

from ..core.errors import InputError
from ..core.progress import Reporter

_START = 0.05  # first density
_TRIALS = 10
_ENOUGH = 0.98  # stop at this share of the allowed size
_CLOSE = 0.05  # stop within this many dB above the requested quality


class Measured(Protocol):
    """The attributes of a trial."""

    @property
    def data(self) -> bytes: ...
    @property
    def psnr(self) -> float: ...


T = TypeVar("T", bound=Measured)


def search_density(
    attempt: Callable[[float], T], goal: str, value: float, fewest: float, reporter: Reporter
) -> T:
    """Return the best trial that meets a goal.

    That is the trial of the highest density found with at most ``value`` bytes (``goal``
    "max_bytes"), or of the lowest density found with a PSNR of at least ``value`` ("psnr").
    ``attempt`` maps a density in (0, 1] to a trial; ``fewest`` is the lowest density to try.
    ``reporter`` ends the search if it was asked to stop.

    Raises `InputError` if no density meets the goal, or the search was stopped before one did.
    """
    by_size = goal == "max_bytes"

    def excess(trial: T) -> float:
        return log(len(trial.data) / value) if by_size else trial.psnr - value

    sign, close = (-1, -log(_ENOUGH)) if by_size else (1, _CLOSE)  # of the excess that is allowed
    low, high = log(fewest), 0.0
    below: tuple[float, float] | None = None  # (log density, excess) of the nearest trials
    above: tuple[float, float] | None = None
    best: T | None = None
    at, smallest = min(max(log(_START), low), high), inf
    for _ in range(_TRIALS):
        trial = attempt(min(1.0, exp(at)))
        found = excess(trial)
        if found * sign >= 0 and abs(found) <= smallest:
            best, smallest = trial, abs(found)
        if smallest <= close or reporter.stopped:
            break
        if found > 0:
            above = at, found
        else:
            below = at, found
        if below and above:
            width = above[0] - below[0]
            if width < 1e-3:
                break
            share = below[1] / (below[1] - above[1]) if above[1] < inf else 0.5
            at = below[0] + width * min(max(share, 0.1), 0.9)
        elif above:  # no bracket yet: go farther out
            if at <= low + 1e-9:
                break
            at = max(low, at - max(1.0, 1.5 * (high - at) / 2))
        else:
            if at >= high - 1e-9:
                break
            at = min(high, at + 1.0)
    if best is not None:
        return best
    if reporter.stopped:
        raise InputError(f"on_step stopped the search before any density met {goal}={value:g}")
    limit = attempt(fewest if by_size else 1.0)
    allowed = f"at least {len(limit.data)}" if by_size else f"at most {limit.psnr:.2f}"
    raise InputError(f"{goal}={value:g}; allowed is {allowed} for this image")
