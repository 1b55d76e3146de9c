"""The certificate's sums of scalar float32 strips in one pass, mostly in float32.

Differences of stored float32 images have a small *relative* error, and the certificate's summands
are slacks of these differences. Their float32 rounding is therefore a small multiple of
``J(u0) + J(u1)``, which `upper_sums` adds (docs/certificate). What must be known to
more digits (the residual, ``||u1||^2``) is summed in float64 all the same.
"""

from __future__ import annotations

import math

import numba as nb
import numpy as np

from .kernels_planar import OPTIONS, primal_row

WIDEST = 16384  # columns; a row is summed in float32
_EPS = 2.0**-24
_TINY = 1e-18  # what a square that underflows may hide


@nb.njit(**OPTIONS)
def _slack_row(f, f_below, p_x, p_y, u, u_below, g_x, g_y, zero, sums):
    """Sums 0 to 4 of one row: s(u1), s(u0), J(u0), J(u1), J(u0) + J(u1) - J(u0 + u1)."""
    width = f.shape[0]
    f_next, u_next = f[1:], u[1:]
    s0, s1, v0, v1, bend = zero, zero, zero, zero, zero
    for j in range(width - 1):
        a_x = g_x * (f_next[j] - f[j])
        a_y = g_y * (f_below[j] - f[j])
        b_x = g_x * (u_next[j] - u[j])
        b_y = g_y * (u_below[j] - u[j])
        c_x = a_x + b_x
        c_y = a_y + b_y
        n0 = np.sqrt(a_x * a_x + a_y * a_y)
        n1 = np.sqrt(b_x * b_x + b_y * b_y)
        v0 += n0
        v1 += n1
        bend += n0 + n1 - np.sqrt(c_x * c_x + c_y * c_y)
        s0 += n0 - p_x[j] * a_x - p_y[j] * a_y
        s1 += n1 - p_x[j] * b_x - p_y[j] * b_y
    j = width - 1
    a_y = g_y * (f_below[j] - f[j])
    b_y = g_y * (u_below[j] - u[j])
    n0, n1 = abs(a_y), abs(b_y)
    sums[0] += s1 + n1 - p_y[j] * b_y
    sums[1] += s0 + n0 - p_y[j] * a_y
    sums[2] += v0 + n0
    sums[3] += v1 + n1
    sums[4] += bend + n0 + n1 - abs(a_y + b_y)


@nb.njit(**OPTIONS)
def _square_row(f, u, x, y, y_above, tau_x, tau_y, sums):
    """Sums 5 to 8 of one row in float64: ``||u1-u0||^2, ||u1||^2, ||u0||^2, ||u1 - u0 - tau div p||^2``."""
    change, size, start, residual = 0.0, 0.0, 0.0, 0.0
    f1, u1, x1, y1, above1 = f[1:], u[1:], x[1:], y[1:], y_above[1:]
    a = np.float64(f[0])
    b = np.float64(u[0])
    d = b - a - tau_x * np.float64(x[0]) - tau_y * (np.float64(y[0]) - np.float64(y_above[0]))
    sums[5] += (b - a) * (b - a)
    sums[6] += b * b
    sums[7] += a * a
    sums[8] += d * d
    for j in range(f.shape[0] - 1):
        a = np.float64(f1[j])
        b = np.float64(u1[j])
        c = b - a
        d = (
            c
            - tau_x * (np.float64(x1[j]) - np.float64(x[j]))
            - tau_y * (np.float64(y1[j]) - np.float64(above1[j]))
        )
        change += c * c
        size += b * b
        start += a * a
        residual += d * d
    sums[5] += change
    sums[6] += size
    sums[7] += start
    sums[8] += residual


@nb.njit(**OPTIONS)
def slack_sums(state, stored, tau, exact_tau, gradient, zero, first, last):
    """The largest squared norm of the flux and the nine sums of rows first..last; sets ``stored``.

    ``stored`` (rows, columns + 1) becomes the image ``u1 = u0 + tau div p``, rounded to float32.
    """
    height, width = state.shape[1], state.shape[2]
    sums = np.zeros(9)
    largest = np.zeros(width, state.dtype)
    closed = np.zeros(width, state.dtype)
    primal_row(state, 3, 4, stored[first], first, tau[0], tau[1])
    for r in range(first, last):
        below = r
        if r + 1 < height:
            below = r + 1
            primal_row(state, 3, 4, stored[below], below, tau[0], tau[1])
        x, y = state[3, r], state[4, r]
        _slack_row(
            state[0, r], state[0, below], x, y, stored[r], stored[below], gradient[0], gradient[1],
            zero, sums,
        )  # fmt: skip
        above = state[4, r - 1] if r > 0 else closed
        _square_row(state[0, r], stored[r], x, y, above, exact_tau[0], exact_tau[1], sums)
        for j in range(width):
            largest[j] = max(largest[j], x[j] * x[j] + y[j] * y[j])
    return largest.max(), sums


def upper_sums(
    norm: float, feasible: float, sums: np.ndarray, width: int, num_values: int
) -> tuple[float, float] | None:
    """Upper bounds of ``s(u1)`` and of half the segment's integral, for ``feasible`` times the flux.

    None where rounding in float32 is more than a hundredth of them. With unit roundoff e: a
    summand is wrong by at most 24 e of the norms it is made of, a row's sum of summands by ``width``
    e of itself, and ``(1 - feasible) <p, grad u>`` is at most ``(1 - feasible) |p| J(u)``.
    """
    values, stop = 1.01 * (sums[2] + sums[3]), 1.01 * sums[3]
    rounding = 24 * _EPS + (1 - feasible) * norm
    growth, hidden = 4 * width * _EPS, _TINY * num_values
    slack, segment = sums[0], 0.5 * (sums[0] + sums[1]) - 0.25 * sums[4]
    lost = growth * slack + rounding * stop + hidden
    lost_along = growth * segment + rounding * values + hidden
    if not (lost <= 0.01 * slack and lost_along <= 0.01 * segment and math.isfinite(segment)):
        return None
    return slack + lost, segment + lost_along
