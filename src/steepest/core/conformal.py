"""Intervals from samples, and the factor that makes them hold what they promise."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from .errors import InputError
from .namespace import is_torch
from .numbers import check_number


@dataclass(frozen=True, eq=False)
class Samples:
    """Samples along an axis: the first one, unless a subclass says otherwise."""

    samples: Any

    axis: ClassVar[int] = 0

    @cached_property
    def mean(self) -> Any:
        """Mean of the samples."""
        return self.samples.mean(self.axis)

    @cached_property
    def std(self) -> Any:
        """Standard deviation of the samples."""
        if is_torch(self.samples):
            return self.samples.std(self.axis)
        return self.samples.std(self.axis, ddof=1)

    def half_width(self, level: float = 0.9) -> Any:
        """Return half the width of the intervals with factor 1, see `interval`."""
        share = check_number(level, "level", positive=True, most=1 - 1e-9)
        count = self.samples.shape[self.axis]
        if count < 2:
            raise InputError("intervals need at least 2 samples")
        return quantile_of(share, count) * self.std

    def interval(self, level: float = 0.9, factor: float = 1.0) -> tuple[Any, Any]:
        """Return the lower and upper ends of intervals about the mean.

        Half of the width is ``factor t sqrt(1 + 1 / n) std`` with n samples and the quantile t of
        Student's distribution with n - 1 degrees of freedom: with factor 1, right if the samples
        and the true value are drawn from one normal distribution. With a factor from held-out data,
        intervals hold at least ``level`` of the true values, on average over images and values.

        Raises `InputError` if ``level`` is not between 0 and 1, the factor is negative, or there is
        only one sample.
        """
        half = check_number(factor, "factor") * self.half_width(level)
        return self.mean - half, self.mean + half


def quantile_of(level: float, count: int) -> float:
    """Return half the width of an interval for deviation 1, from ``count`` samples.

    If the true value and the samples are drawn from one normal distribution, it lies with the
    probability ``level`` within ``t sqrt(1 + 1 / n) std`` of the mean, where t is the quantile of
    Student's distribution with n - 1 degrees of freedom.
    """
    from scipy.stats import t

    return float(t.ppf((1 + level) / 2, count - 1)) * math.sqrt(1 + 1 / count)


def fewest(level: float) -> int:
    """Return the number of held-out items below which no factor exists."""
    return math.ceil(level / (1 - level) - 1e-9)


def smallest_factor(ratios: Sequence[np.ndarray], level: float) -> float:
    """Return the smallest f with ``n / (n + 1) R(f) + 1 / (n + 1) <= 1 - level``.

    ``ratios`` holds for each of n held-out items the distances of its true values from the centers
    of their intervals, divided by half of the widths; R(f) is the share above f, averaged over the
    items (conformal risk control: Angelopoulos, Bates, Fisch, Lei & Schuster, ICLR 2024).
    """
    count = len(ratios)
    allowed = ((1 - level) * (count + 1) - 1) / count if count else -1.0
    if allowed < -1e-12:
        raise InputError(f"level={level!r} needs at least {fewest(level)} items, not {count}")
    weights = np.concatenate([np.full(own.size, 1 / (count * own.size)) for own in ratios])
    ratio = np.concatenate([own.ravel() for own in ratios])
    order = np.argsort(ratio, kind="stable")
    above = 1 - np.cumsum(weights[order])  # share outside, if f is the ratio
    return float(ratio[order][int(np.argmax(above <= allowed + 1e-12))])
