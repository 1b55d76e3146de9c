"""The energy distance between two sets of points, summed directly or by slicing."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.arrays import check_field, check_magnitude
from ..core.errors import InputError
from ..core.namespace import Array, detached, is_torch, namespace, to_float64
from ..core.numbers import check_count
from ..core.rng import Rng, generator
from ..core.threads import resolve_num_threads
from .slices import directions, slice_sums

_BLOCK = 1 << 22  # distances in memory at once


def energy_distance(
    x: Any,
    y: Any,
    *,
    num_directions: int | None = None,
    rng: Rng = 0,
    num_threads: int | None = None,
) -> Any:
    """Return ``F = mean |x_i - y_j| - 1/2 mean |x_i - x_k| - 1/2 mean |y_j - y_l|``.

    It is 0 only if both sets have the same points in the same shares. All pairs are summed, in
    O((N + M)^2 d). For large sets, ``num_directions`` estimates F in O((N + M) log (N + M)) for
    each direction: F is the slicing constant times its mean over all projections onto lines.

    Parameters
    ----------
    x, y : arrays or tensors (N, d), (M, d), or (N,), (M,)
        Points, float32 or float64. The sums are computed in float64.
    num_directions : int, optional
        Estimate F by at least this number of random directions (whole orthonormal bases). The
        relative standard error falls as ``1 / sqrt(num_directions)``, and faster in few dimensions.
    rng : int, numpy.random.Generator or None
        Draws the directions.
    num_threads : int, optional
        As in `steepest.Solver`, for directions.

    Returns
    -------
    float, or for tensors a float64 tensor without axes
        Differentiable if the tensors are (once, if directions are used, and on the CPU). The
        gradient for equal points is 0.

    Raises
    ------
    InputError
        If the arrays are not finite, of other types or of different dimensions, or if the largest
        number of one is neither 0 nor from 1e-100 to 1e100.
    """
    a, b = check_field(x, "x"), check_field(y, "y")
    for name, each in (("x", a), ("y", b)):
        if each.ndim not in (1, 2) or 0 in each.shape:
            raise InputError(f"{name} has shape {tuple(each.shape)}; allowed are (N,) and (N, d)")
    if is_torch(a) != is_torch(b) or tuple(a.shape[1:]) != tuple(b.shape[1:]):
        raise InputError(
            f"y is a {type(b).__name__} of shape {tuple(b.shape)}; x is a {type(a).__name__} of "
            f"shape {tuple(a.shape)}; both must be of one type and dimension"
        )
    a, b = (to_float64(each).reshape(len(each), -1) for each in (a, b))
    for name, each in (("x", a), ("y", b)):
        check_magnitude(detached(each), name)
    threads, random = resolve_num_threads(num_threads), generator(rng)
    if num_directions is not None:
        axes = directions(a.shape[1], check_count(num_directions, "num_directions"), random)
        return _by_slices(a, b, axes, threads)
    total = _mean(a, b) - _mean(a, a) / 2 - _mean(b, b) / 2
    return total if is_torch(total) else float(total)


def _by_slices(a: Array, b: Array, axes: np.ndarray, num_threads: int) -> Any:
    points = np.concatenate([np.asarray(detached(each)) for each in (a, b)])
    charges = np.repeat([-1 / len(a), 1 / len(b)], [len(a), len(b)])
    total, slope = slice_sums(points, charges, axes, num_threads=num_threads)
    if not is_torch(a):
        return total
    slope *= -charges[:, None]
    result = a.new_tensor(total)
    for each, part in ((a, slope[: len(a)]), (b, slope[len(a) :])):
        result = result + ((each - each.detach()) * each.new_tensor(part)).sum()
    return result


def _mean(a: Array, b: Array) -> Any:
    """Return the mean distance, a block of rows at a time."""
    rows = max(_BLOCK // (len(b) * a.shape[1]), 1)
    total: Any = 0.0
    for k in range(0, len(a), rows):
        square = ((a[k : k + rows, None] - b) ** 2).sum(-1)
        xp = namespace(square)
        # The root has no slope at 0: equal points are left out before it is taken
        safe = xp.where(square > 0, square, xp.ones_like(square))
        total = total + xp.where(square > 0, xp.sqrt(safe), xp.zeros_like(square)).sum()
    return total / (len(a) * len(b))
