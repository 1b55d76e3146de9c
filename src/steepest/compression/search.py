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


def largest_below(
    attempt: Callable[[float], T], max_bytes: float, start: float, fewest: float, tell: Reporter
) -> T:
    """The trial of the highest density found whose size is at most ``max_bytes``.

    ``attempt`` maps a density in (0, 1] to a trial; ``start`` and ``fewest`` are the first and the
    lowest density to try. ``tell`` ends the search if it was asked to stop.

    Raises `InputError` if even the lowest density takes more bytes, or the search was stopped
    before a trial was small enough.
    """

    def excess(trial: T) -> float:
        return log(len(trial.data) / max_bytes)

    goal = f"max_bytes={max_bytes:g}"
    best = _search(attempt, excess, start, fewest, -1, -log(_ENOUGH), goal, tell)
    if best is None:
        least = len(attempt(fewest).data)
        raise InputError(f"{goal}; allowed is at least {least} for this image")
    return best


def smallest_above(
    attempt: Callable[[float], T], psnr: float, start: float, fewest: float, tell: Reporter
) -> T:
    """The trial of the lowest density found whose PSNR is at least ``psnr``.

    The other parameters are those of `largest_below`.

    Raises `InputError` if even all pixels, rounded to their levels, do not reach it, or the search
    was stopped before a trial did.
    """

    def excess(trial: T) -> float:
        return trial.psnr - psnr

    goal = f"psnr={psnr:g}"
    best = _search(attempt, excess, start, fewest, 1, _CLOSE, goal, tell)
    if best is None:
        most = attempt(1.0).psnr
        raise InputError(f"{goal}; allowed is at most {most:.2f} for this image")
    return best


def _search(
    attempt: Callable[[float], T],
    excess: Callable[[T], float],
    start: float,
    fewest: float,
    wanted: int,
    close: float,
    goal: str,
    tell: Reporter,
) -> T | None:
    """The trial with an excess of the sign ``wanted`` (or 0) that is closest to 0.

    Raises `InputError` if the search was stopped before there was one.
    """
    low, high = log(fewest), 0.0
    below: tuple[float, float] | None = None  # (log density, excess) of the nearest trials
    above: tuple[float, float] | None = None
    best: T | None = None
    at, smallest = min(max(log(start), low), high), inf
    for _ in range(_TRIALS):
        trial = attempt(min(1.0, exp(at)))
        found = excess(trial)
        if found * wanted >= 0 and abs(found) <= smallest:
            best, smallest = trial, abs(found)
        if smallest <= close or tell.stopped:
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
    if best is None and tell.stopped:
        raise InputError(f"on_step stopped the search before any density met {goal}")
    return best
