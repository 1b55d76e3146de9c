"""Search for the density that meets a size or a quality.

Up to small irregularities, the size and the PSNR of a compressed image grow with the density. PSNR
and the logarithm of the size are about linear in the logarithm of the density. A bracket on this
scale is narrowed by interpolation, restricted to its inner four fifths.
"""

from __future__ import annotations

from collections.abc import Callable
from math import exp, log
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
    goal = log(max_bytes)

    def excess(trial: T) -> float:
        return log(len(trial.data)) - goal

    best = _search(attempt, excess, start, fewest, wanted=-1, close=-log(_ENOUGH), tell=tell)
    if best is None:
        _refuse(tell, "max_bytes", max_bytes)
        least = len(attempt(fewest).data)
        raise InputError(f"max_bytes={max_bytes:g}; allowed is at least {least} for this image")
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

    best = _search(attempt, excess, start, fewest, wanted=1, close=_CLOSE, tell=tell)
    if best is None:
        _refuse(tell, "psnr", psnr)
        most = attempt(1.0).psnr
        raise InputError(f"psnr={psnr:g}; allowed is at most {most:.2f} for this image")
    return best


def _refuse(tell: Reporter, name: str, value: float) -> None:
    """Raise an error if the search was stopped."""
    if tell.stopped:
        raise InputError(f"on_step stopped the search before any density met {name}={value:g}")


def _search(
    attempt: Callable[[float], T],
    excess: Callable[[T], float],
    start: float,
    fewest: float,
    *,
    wanted: int,
    close: float,
    tell: Reporter,
) -> T | None:
    """The trial with an excess of the sign ``wanted`` (or 0) that is closest to 0."""
    low, high = log(fewest), 0.0
    below: tuple[float, float] | None = None  # (log density, excess) of the nearest trials
    above: tuple[float, float] | None = None
    best: T | None = None
    smallest = float("inf")
    at = min(max(log(start), low), high)
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
        if (below and below[0] >= high - 1e-9) or (above and above[0] <= low + 1e-9):
            break
        at = _next(below, above, low, high)
        if below and above and above[0] - below[0] < 1e-3:
            break
    return best


def _next(
    below: tuple[float, float] | None, above: tuple[float, float] | None, low: float, high: float
) -> float:
    """The next position: inside the bracket or, while there is none, farther out."""
    if below is None and above is not None:
        return max(low, above[0] - max(1.0, 1.5 * (high - above[0]) / 2))
    if above is None and below is not None:
        return min(high, below[0] + 1.0)
    assert below is not None
    assert above is not None
    share = below[1] / (below[1] - above[1]) if above[1] < float("inf") else 0.5
    return below[0] + (above[0] - below[0]) * min(max(share, 0.1), 0.9)
