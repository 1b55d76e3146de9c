"""Samples of several posteriors, and intervals made of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ..core.conformal import quantile_of
from ..core.errors import InputError
from ..core.numbers import check_number


@dataclass(frozen=True, eq=False)
class Draws:
    """Samples of the unknowns of n measurements.

    Attributes
    ----------
    samples : array or tensor (n, count, \\*shape)
        Tensors if the measurements were a tensor.
    time_error : float
        Estimated error of the samples by finite time steps: the root mean square difference from
        twice the number of steps with the same noise, on the scale of the samples. NaN for samplers
        without time steps.
    """

    samples: Any
    time_error: float = float("nan")

    @cached_property
    def mean(self) -> Any:
        """Mean (n, \\*shape)."""
        return self.samples.mean(1)

    @cached_property
    def std(self) -> Any:
        """Standard deviation (n, \\*shape)."""
        if isinstance(self.samples, np.ndarray):
            return self.samples.std(1, ddof=1)
        return self.samples.std(1)

    def half_width(self, level: float = 0.9) -> Any:
        """Return half of the width of the intervals with factor 1, (n, \\*shape).

        Raises `InputError` if ``level`` is not between 0 and 1, or there is only one sample.
        """
        share = check_number(level, "level", positive=True, most=1 - 1e-9)
        count = self.samples.shape[1]
        if count < 2:
            raise InputError("intervals need at least 2 samples of each measurement")
        return quantile_of(share, count) * self.std

    def interval(self, level: float = 0.9, *, factor: float = 1.0) -> tuple[Any, Any]:
        """Return the lower and upper ends of intervals about the mean, (n, \\*shape) each.

        Half of the width is ``factor t sqrt(1 + 1 / count) std`` with the quantile t of Student's
        distribution. With the factor of `check`, the intervals of further measurements
        hold at least ``level`` of the true values, on average over measurements and values.

        Raises `InputError` if ``level`` is not between 0 and 1, the factor is negative, or there is
        only one sample.
        """
        half = check_number(factor, "factor") * self.half_width(level)
        return self.mean - half, self.mean + half
