"""Maximum likelihood location and scale of Cauchy and Student-t distributions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core.arrays import as_array, normalize_axis
from ..core.errors import InputError
from ..core.namespace import is_torch
from ..core.numbers import check_number, check_numbers
from ..core.status import Status
from .kernels import fit_rows


@dataclass(frozen=True, eq=False)
class Fit:
    """Location and scale of samples.

    Attributes
    ----------
    location, scale : float, or float64 array without the axis of the samples
    iterations : int or array
        Iterations that each sample took.
    status : Status
        Outcome; of several samples, the worst.
    """

    location: Any
    scale: Any
    iterations: Any
    status: Status


def cauchy_fit(x: Any, axis: int | None = None, *, weights: Any = None) -> Fit:
    """Fit a Cauchy distribution: the location a and scale g of greatest likelihood.

    Maximises ``sum_i w_i log(g / (g^2 + (x_i - a)^2))``. There is exactly one maximum if no single
    value has half of the weight or more, in particular for three or more different values.

    Parameters
    ----------
    x : array of real numbers
        The sample.
    axis : int, optional
        Axis along which the samples lie; all other axes hold separate samples. By default, the
        whole array is one sample.
    weights : array (n,), optional
        Positive weights of the n values along the axis (default: all equal). Only their ratios
        matter.

    Returns
    -------
    Fit

    Raises
    ------
    InputError
        If ``x`` is not finite, a sample has a value with half of the weight or more (the
        likelihood then has no maximum), or the weights are not positive or of the wrong shape.

    Notes
    -----
    The points ``(x_i - p) / (x_i - conj p)`` with ``p = a + i g`` lie on the unit circle, and their
    mean is zero at the solution. Newton's method for this equation, with steps that are Moebius
    maps of the disk and so keep the scale positive, takes 3 to 6 iterations. If a step does not
    reduce the mean, the generalised myriad iteration takes over: it always converges, in about ten
    times as many steps.

    References
    ----------
    Ferguson, *Maximum likelihood estimates of the parameters of the Cauchy distribution for samples
    of size 3 and 4*, J. American Statistical Association 73 (1978) 211-213. Laus, Pierre & Steidl,
    *Nonlocal myriad filters for Cauchy noise removal*, J. Mathematical Imaging and Vision 60 (2018)
    1324-1354.

    Examples
    --------
    >>> fit = steepest.robust.cauchy_fit([0, 1, 2, 4, 8, 16, 32])        # doctest: +SKIP
    >>> fit.location, fit.scale                                          # doctest: +SKIP
    (2.712663499202, 3.186037605302)
    """
    return student_t_fit(x, 1.0, axis, weights=weights)


def student_t_fit(x: Any, dof: float, axis: int | None = None, *, weights: Any = None) -> Fit:
    """Fit a Student-t distribution with ``dof`` degrees of freedom: its location and scale.

    Maximises ``sum_i w_i (-log g - (dof + 1) / 2 log(dof + (x_i - a)^2 / g^2))``. With ``dof=1``
    this is `cauchy_fit`; large values approach the mean and the standard deviation. There is
    exactly one maximum if no single value has ``dof / (dof + 1)`` of the weight or more.

    Parameters
    ----------
    x, axis, weights
        As in `cauchy_fit`.
    dof : float
        Degrees of freedom, from 1 to 1e6.

    Returns
    -------
    Fit

    References
    ----------
    Kent & Tyler, *Redescending M-estimates of multivariate location and scatter*, Annals of
    Statistics 19 (1991) 2102-2119 (existence and uniqueness).
    """
    dof = check_number(dof, "dof", least=1, most=1e6)
    rows, shape = _rows(x, axis)
    share = shares(weights, rows.shape[1])
    # The fit commutes with shifts and scales; this keeps the squares in range.
    middle = np.median(rows, axis=1)
    unit = np.abs(rows - middle[:, None]).max(axis=1)
    unit[unit == 0] = 1.0
    location, scale = np.empty(len(rows)), np.empty(len(rows))
    iterations = np.empty(len(rows), np.int64)
    fit_rows((rows - middle[:, None]) / unit[:, None], share, dof, location, scale, iterations)
    if (scale == 0).any():
        first = int(np.flatnonzero(scale == 0)[0])
        value = middle[first] + unit[first] * location[first]
        where = "" if len(rows) == 1 else f" in {int((scale == 0).sum())} of {len(rows)} samples"
        raise InputError(
            f"x has the value {value:g} too often{where}: its weight must be less than "
            f"{dof / (dof + 1):g} of the whole, or there is no likeliest scale"
        )
    bad = iterations < 0
    location, scale = middle + unit * location, unit * scale
    location, scale, iterations = (
        a.reshape(shape)[()] for a in (location, scale, np.abs(iterations))
    )
    status = Status.MAX_ITERATIONS if bad.any() else Status.CONVERGED
    return Fit(location, scale, iterations, status)


def _rows(x: Any, axis: int | None) -> tuple[np.ndarray, tuple[int, ...]]:
    """Return the samples as rows in float64, and the shape of the results."""
    if is_torch(x):
        raise InputError("x must be a NumPy array (convert with .detach().cpu().numpy())")
    array = check_numbers(as_array(x, "x"), "x")
    if array.ndim == 0 or array.size == 0:
        raise InputError(f"x of shape {array.shape} holds no sample")
    where = normalize_axis(axis, array.ndim, "axis")
    if where is None:
        return array.reshape(1, -1), ()
    moved = np.moveaxis(array, where, -1)
    return np.ascontiguousarray(moved).reshape(-1, moved.shape[-1]), moved.shape[:-1]


def shares(weights: Any, n: int) -> np.ndarray:
    """Return weights of n samples that sum to 1."""
    if weights is None:
        return np.full(n, 1 / n)
    values = check_numbers(weights, "weights")
    if values.shape != (n,):
        raise InputError(f"weights of shape {values.shape} must have the shape ({n},)")
    if not (values > 0).all():
        raise InputError("weights must be positive")
    return values / values.sum()
