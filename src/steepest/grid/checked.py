"""`steepest.gradient` and `steepest.divergence`: the operators of `differences` behind a gate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.arrays import as_array, check_field, check_spacing
from ..core.errors import InputError
from ..core.namespace import Array, is_torch
from ..core.numbers import check_choice, check_numbers
from . import differences


def gradient(
    u: Any, spacing: float | Sequence[float] | None = None, boundary: str = "neumann"
) -> Array:
    """Forward differences ``(D_a u)_i = (u_{i+1} - u_i) / h_a`` along every spatial axis.

    Parameters
    ----------
    u : array or tensor of shape (\\*batch, \\*space)
        float32 or float64, tensors of any floating type. With ``spacing`` a sequence, its length is
        the number of (trailing) spatial axes; otherwise every axis is spatial.
    spacing : float or sequence of floats, optional
        Pixel spacing ``h_a`` of each spatial axis; default 1.
    boundary : str
        "neumann": the difference at the last pixel of an axis is zero; "periodic": its next pixel
        is the first one.

    Returns
    -------
    array or tensor of shape (len(spacing), \\*batch, \\*space), dtype of ``u``

    Raises
    ------
    InputError
        ``u`` not real floating point, without pixels, not finite (tensors are not looked at), or so
        large that differences are not finite; spacing that is not positive, or of more axes than
        ``u`` has; another boundary.
    """
    u = _check(u, "u")
    given = np.ones(()) if spacing is None else check_numbers(spacing, "spacing")
    num_space = len(given) if given.ndim == 1 else u.ndim
    if not 1 <= num_space <= u.ndim:
        raise InputError(
            f"u has {u.ndim} axes and spacing={spacing!r}; allowed is at least one spatial axis, "
            "and no more than u has"
        )
    steps = check_spacing(spacing, num_space)
    return _apply(differences.gradient, u, "u", steps, boundary)


def divergence(
    p: Any, spacing: float | Sequence[float] | None = None, boundary: str = "neumann"
) -> Array:
    """The exact negative adjoint of :func:`gradient`.

    Parameters
    ----------
    p : array or tensor of shape (ndim, \\*batch, \\*space)
        One component for each spatial axis. For "neumann", what component ``a`` holds at the last
        pixel of axis ``a`` is not used.
    spacing, boundary : as in :func:`gradient`; ``ndim`` values.

    Returns
    -------
    array or tensor of shape (\\*batch, \\*space), dtype of ``p``. Its sum is zero to rounding.

    Raises
    ------
    InputError
        As :func:`gradient`; ``p`` with more components than space axes.
    """
    p = _check(p, "p")
    if p.ndim - 1 < p.shape[0]:
        raise InputError(
            f"p of shape {tuple(p.shape)} has {p.shape[0]} components and {p.ndim - 1} further "
            "axes; each component needs a spatial axis"
        )
    return _apply(differences.divergence, p, "p", check_spacing(spacing, p.shape[0]), boundary)


def _check(values: Any, name: str) -> Array:
    """A floating-point tensor, or an array that `check_field` passes, with pixels."""
    array = as_array(values, name)
    if not is_torch(array):
        array = check_field(array, name)
    elif not array.is_floating_point():
        raise InputError(f"{name} has dtype {array.dtype}; allowed are floating-point types")
    if array.ndim == 0 or 0 in array.shape:
        raise InputError(f"{name} of shape {tuple(array.shape)} has no pixels")
    return array


def _apply(
    operator: Any, values: Array, name: str, steps: tuple[float, ...], boundary: str
) -> Array:
    check_choice(boundary, "boundary", differences.FLUX_BOUNDARIES)
    if is_torch(values):
        return operator(values, steps, boundary)
    with np.errstate(over="ignore", invalid="ignore"):
        found = operator(values, steps, boundary)
    if not np.isfinite(found).all():
        raise InputError(f"{name} has differences beyond the range of {found.dtype}: scale it down")
    return found
