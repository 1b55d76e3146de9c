"""Preconditioned conjugate gradients in float64, in compiled pieces, for one right-hand side."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..core.compiled import helper, kernel
from .cycle import RIGHT, UNKNOWN, cycle, level_of
from .kernels import coupled, num_planes, num_rows, row_of


@helper
def _apply_row(out, u, diagonal, k, along, weights, plane):
    """Compute ``out = A u`` in row k; return its part of ``<u, A u>``."""
    total = 0.0
    for j in range(1, out.shape[1] - 1):
        value = diagonal[k, j] * u[k, j] - coupled(u, k, j, along, weights, plane)
        value = value if diagonal[k, j] > 0.0 else 0.0
        out[k, j] = value
        total += value * u[k, j]
    return total


@kernel
def apply(out, u, diagonal, along, weights, plane):
    """Compute ``out = A u`` at active pixels; return ``<u, A u>``."""
    total = 0.0
    for z in range(num_planes(u, plane)):
        for y in range(num_rows(u, plane)):
            total += _apply_row(out, u, diagonal, row_of(z, y, plane), along, weights, plane)
    return total


@kernel
def _inner_row(z, r):
    total = 0.0
    for j in range(z.shape[0]):
        total += z[j] * r[j]
    return total


def inner(a: np.ndarray, b: np.ndarray) -> float:
    """``<a, b>`` in one thread (those that BLAS starts for it burn more time than they save)."""
    return float(_inner_row(a.ravel(), b.ravel()))


@helper
def _update_direction_row(p, z, beta):
    for j in range(p.shape[0]):
        p[j] = z[j] + beta * p[j]


@helper
def _update_solution_row(x, r, p, q, right, step, unit):
    total = 0.0
    for j in range(x.shape[0]):
        x[j] += step * p[j]
        value = r[j] - step * q[j]
        r[j] = value
        right[j] = np.float32(unit * value)
        total += value * value
    return total


@helper
def _square_row(r, scale):
    total = 0.0
    for j in range(r.shape[0]):
        total += (scale[j] * r[j]) ** 2
    return total


@kernel
def norm_squared(r, scale):
    """``|scale r|^2``, or ``|r|^2`` if ``scale`` is None."""
    total = 0.0
    for k in range(r.shape[0]):
        if scale is None:
            total += _inner_row(r[k], r[k])
        else:
            total += _square_row(r[k], scale[k])
    return total


@kernel
def residual(r, x, right, diagonal, along, weights, plane):
    """Compute ``r = right - A x`` at active pixels; x may be nonzero at inactive pixels."""
    apply(r, x, diagonal, along, weights, plane)
    for k in range(r.shape[0]):
        out = r[k]
        if right is None:
            for j in range(out.shape[0]):
                out[j] = -out[j]
        else:
            b, d = right[k], diagonal[k]
            for j in range(out.shape[0]):
                out[j] = b[j] - out[j] if d[j] > 0.0 else 0.0


@kernel
def _step(x, r, p, q, z, right, diagonal, scale, along, weights, plane, state):
    """One iteration after the cycle; False, with only p and q changed, if it cannot go on.

    ``state``: the scale of the cycle's residual, ``<z, r>`` and ``|scale r|^2``.
    """
    now = 0.0
    for k in range(x.shape[0]):
        now += _inner_row(z[k], r[k])
    beta = now / state[1] if state[1] != 0.0 else 0.0
    for k in range(x.shape[0]):
        _update_direction_row(p[k], z[k], beta)
    state[1] = now
    curvature = apply(q, p, diagonal, along, weights, plane)
    if not curvature > 0.0:
        return False
    step = now / curvature
    left = 0.0
    for k in range(x.shape[0]):
        left += _update_solution_row(x[k], r[k], p[k], q[k], right[k], step, state[0])
    if scale is not None:
        left = norm_squared(r, scale)
    state[2] = left
    return True


def conjugate_gradients(
    x: np.ndarray, r: np.ndarray, p: np.ndarray, q: np.ndarray, diagonal: np.ndarray,
    scale: np.ndarray | None, along: Any, weights: np.ndarray | None, volume: Any,
    coefficients: np.ndarray, couplings: np.ndarray, work: np.ndarray, levels: np.ndarray,
    along32: Any, total: np.ndarray,
) -> Iterator[float]:  # fmt: skip
    """Update x and r = b - A x once before each value, which is ``|scale r|^2``.

    Ends when no further step is possible. The cycle's residual is divided by its first norm, as
    float32 would underflow.
    """
    uniform = weights is None
    right = level_of(work, RIGHT, levels, 0)
    z = level_of(work, UNKNOWN, levels, 0)
    plane = None if volume is None else int(levels[0, 3])
    first = norm_squared(r, None)
    if not first > 0.0:
        return
    state = np.array([1.0 / math.sqrt(first), 0.0, 0.0])
    np.multiply(state[0], r, out=right, casting="same_kind")
    while True:  # the cycle is not part of a larger kernel, which would compile it twice
        cycle(coefficients, couplings, work, levels, along32, uniform, volume, total)
        if not _step(x, r, p, q, z, right, diagonal, scale, along, weights, plane, state):
            return
        yield float(state[2])
