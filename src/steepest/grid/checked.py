"""`steepest.gradient` and `steepest.divergence`: the operators of `differences`, with checks."""

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
        A float32 or float64 array, or a tensor of any floating-point dtype. If ``spacing`` is a
        sequence, its length is the number of spatial axes, which come last; otherwise every axis is
        spatial.
    spacing : float or sequence of floats, optional
        Pixel spacing ``h_a`` of each spatial axis; default 1.
    boundary : str
        "neumann": the difference at the last pixel of an axis is zero. "periodic": the first pixel
        follows the last one.

    Returns
    -------
    array or tensor of shape (len(spacing), \\*batch, \\*space)
        The differences, in the dtype of ``u``.

    Raises
    ------
    InputError
        If ``u`` is not real floating point, has no pixels, is not finite (not checked for tensors)
        or has differences beyond the range of its dtype; if the spacing is not positive or has more
        entries than ``u`` has axes; or if the boundary is unknown.
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
        One component per spatial axis, float32 or float64 (tensors: any floating-point dtype). For
        "neumann", component ``a`` is not used at the last pixel of axis ``a``.
    spacing : float or sequence of ``ndim`` floats, optional
        Pixel spacing of each spatial axis; default 1.
    boundary : str
        "neumann" or "periodic", see :func:`gradient`.

    Returns
    -------
    array or tensor of shape (\\*batch, \\*space)
        The divergence, in the dtype of ``p``. Its sum is zero up to rounding.

    Raises
    ------
    InputError
        For the same reasons as in :func:`gradient`, or if ``p`` has more components than axes for
        them.
    """
    p = _check(p, "p")
    if p.ndim - 1 < p.shape[0]:
        raise InputError(
            f"p of shape {tuple(p.shape)} has {p.shape[0]} components and {p.ndim - 1} further "
            "axes; each component needs a spatial axis"
        )
    return _apply(differences.divergence, p, "p", check_spacing(spacing, p.shape[0]), boundary)


def _check(values: Any, name: str) -> Array:
    """A floating-point tensor, or an array that `check_field` accepts, with at least one pixel."""
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
