"""Images of phases in the units of a file, with any period, and what is counted in them."""

from dataclasses import replace
from typing import Any

import numpy as np

from ..convex.energy import Energy
from ..core.arrays import as_array
from ..core.errors import InputError
from ..core.namespace import detached
from ..core.numbers import check_number, check_real
from ..flows.options import takes_options_of
from .circle import wrap
from .denoising import denoise
from .result import ManifoldResult

_SLACK = 1e-4  # by which rounded phases may exceed one period


@takes_options_of(denoise, without=("known",))
def denoise_phases(
    image: Any,
    strength: float,
    energy: Energy | None = None,
    *,
    period: float = 2 * np.pi,
    start: float | None = None,
    **options: Any,
) -> ManifoldResult:
    """Denoise an image of phases with any period, as `denoise` does it on the circle.

    Parameters
    ----------
    image : array (\\*space)
        Real numbers within one period. Pixels that are NaN have no data, and stay NaN.
    strength : float
        In radians x pixel, whatever the period.
    energy
        As in `denoise`.
    period : float
        The number that stands for a full turn.
    start : float, optional
        The phases of the result are from ``start`` to ``start + period``. Default: 0, or minus half
        a period if the image has negative values.
    **options
        embedded, spacing, solver and on_step of `denoise`.

    Returns
    -------
    ManifoldResult
        ``image`` has the units of the image given; it is float64 where that holds integers. The
        other numbers are in radians.

    Raises
    ------
    InputError
        As in `denoise`, and if the values are infinite, all NaN, or span more than one period.
    """
    turn = check_number(period, "period", positive=True)
    array = np.asarray(detached(as_array(image, "image")))
    if array.dtype.kind not in "iuf":
        raise InputError(f"image has dtype {array.dtype}; allowed are real numbers")
    values = array.astype(np.float64)
    known = ~np.isnan(values)
    if np.isinf(values).any() or not known.any():
        raise InputError("image holds infinite values, or NaN only")
    low, high = float(values[known].min()), float(values[known].max())
    if high - low > (1 + _SLACK) * turn:
        raise InputError(
            f"image: values from {low:g} to {high:g} span more than one period of {turn:g}; "
            "wrapped phases are needed"
        )
    first = (-turn / 2 if low < 0 else 0.0) if start is None else check_real(start, "start")
    scale = turn / (2 * np.pi)
    result = denoise(
        np.where(known, values, 0.0) / scale, strength, "circle", energy,
        known=None if known.all() else known, **options,
    )  # fmt: skip
    kind = array.dtype if array.dtype.kind == "f" else np.dtype(np.float64)
    phases = (np.mod(result.image * scale - first, turn) + first).astype(kind)
    phases[phases >= first + turn] = first  # rounding must not reach the end of the period
    return replace(result, image=np.where(known, phases, kind.type(np.nan)))


def count_wraps(phases: Any, period: float = 2 * np.pi) -> int:
    """Count the neighbours between which phases differ by more than half a ``period``."""
    values = np.asarray(phases, np.float64)
    steps = (np.abs(np.diff(values, axis=axis)) for axis in range(values.ndim))
    return sum(int(np.count_nonzero(each > period / 2)) for each in steps)


def count_residues(phases: Any, period: float = 2 * np.pi) -> int:
    """Count the residues of an image (H, W) of phases; they make unwrapping fail.

    These are the squares of 2 x 2 pixels around which the wrapped differences do not add up to
    zero. Squares with NaN do not count.
    """
    values = np.asarray(phases, np.float64) * (2 * np.pi / period)
    down, right = (wrap(np.diff(values, axis=axis)) for axis in range(2))
    around = right[:-1] + down[:, 1:] - right[1:] - down[:, :-1]
    return int(np.count_nonzero(np.abs(around) > 1))
