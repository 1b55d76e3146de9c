"""From the sums of the compiled certificate to its terms."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ..certificate import StepTerms, assemble
from ..total_variation import TotalVariation

_EPS = 2.0**-24
_DOUBLE_EPS = float(np.finfo(np.float64).eps)
_TINY = 1e-18  # what a square that underflows may hide
_MOST_LOST = 0.01  # to rounding in float32, of what is measured


def exact_terms(
    energy: TotalVariation, shape: tuple[int, ...], tau: float, total: Sequence[float] | np.ndarray
) -> StepTerms:
    """The terms from sums in float64 (see `kernels_measure`)."""
    return assemble(
        energy,
        shape,
        tau,
        gap=tau * total[1],
        integral=2 * tau * (0.5 * (total[1] + total[2]) - 0.25 * total[5]),
        values=(total[3], total[4]),
        squares=(total[6], total[7], _start(total), total[8]),
        dual=total[9],
    )


def single_terms(
    energy: TotalVariation,
    shape: tuple[int, ...],
    tau: float,
    total: Sequence[float] | np.ndarray,
    width: int,
) -> StepTerms | None:
    """The terms from sums in float32 with allowances, or None where that is too coarse.

    ``width`` is the largest number of columns that were summed in float32.
    """
    norm = float(total[0]) * (1 + 1.3e-7)
    feasible = (1 - 4 * _DOUBLE_EPS) / max(1.0, norm)
    components = max(len(shape) - 1, 2) * shape[0]
    upper = upper_sums(norm, feasible, total, width, components, math.prod(shape))
    if upper is None:
        return None
    shrunk = (1 - feasible) * (math.sqrt(total[6]) + math.sqrt(total[8]))
    residual = (math.sqrt(total[8]) + shrunk) ** 2
    return assemble(
        energy,
        shape,
        tau,
        gap=tau * upper[0] + 0.5 * residual,
        integral=2 * tau * upper[1],
        values=(total[3], total[4]),
        squares=(total[6], total[7], _start(total), residual),
        dual=0.0,
    )


def _start(sums: Sequence[float] | np.ndarray) -> float:
    """An upper bound of the square of u0 = u1 - (u1 - u0), which only allowances need."""
    return 1.001 * (math.sqrt(sums[6]) + math.sqrt(sums[7])) ** 2


def upper_sums(
    norm: float,
    feasible: float,
    sums: Sequence[float] | np.ndarray,
    width: int,
    components: int,
    num_values: int,
) -> tuple[float, float] | None:
    """Upper bounds of s(u1) and of half the segment's integral, for ``feasible`` times the flux.

    None where rounding in float32 is more than a hundredth of them. With unit roundoff e, a
    summand of m ``components`` is wrong by at most (18 + 3 m) e of the norms it is made of, a row's
    sum of summands by ``width`` e of itself, and ``(1 - feasible) <p, grad u>`` is at most
    ``(1 - feasible) |p| J(u)``. docs/certificate has the count.
    """
    values, stop = 1.01 * (sums[3] + sums[4]), 1.01 * sums[4]
    rounding = (18 + 3 * components) * _EPS + (1 - feasible) * norm
    growth, hidden = 4 * width * _EPS, _TINY * num_values
    slack, segment = sums[1], 0.5 * (sums[1] + sums[2]) - 0.25 * sums[5]
    lost = growth * slack + rounding * stop + hidden
    lost_along = growth * segment + rounding * values + hidden
    if not (
        lost <= _MOST_LOST * slack and lost_along <= _MOST_LOST * segment and math.isfinite(segment)
    ):
        return None
    return slack + lost, segment + lost_along
