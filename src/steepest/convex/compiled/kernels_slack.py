"""The certificate's sums in one pass, for total variation without weights and Huber smoothing.

Most of them are computed in the dtype of the strip. In float64 that is all there is to it. In
float32, differences of stored images have a small *relative* error, and the summands are slacks of
these differences. Their rounding is therefore a small multiple of ``J(u0) + J(u1)``, which
`upper_sums` adds (docs/certificate). What must be known to more digits (the residual, ``||u1||^2``)
is summed in float64 all the same.
"""

from __future__ import annotations

import math

import numpy as np

from ...core.compiled import helper, kernel
from .kernels_sweep import primal_row

WIDEST = 16384  # columns; a row is summed in float32
MOST_COMPONENTS = 16  # of the flux of a pixel; they are, too
_EPS = 2.0**-24
_TINY = 1e-18  # what a square that underflows may hide


@helper
def _component(state, u, c, p, r, ahead, along, g, work):
    """Add one component of a row: squares of its differences a of u0, b of u1 and a + b, its
    products with the flux, and the square of the flux."""
    if along:
        for j in range(state.shape[2] - 1):
            a = g * (state[c, r, j + 1] - state[c, r, j])
            b = g * (u[c, r, 0, j + 1] - u[c, r, 0, j])
            q = state[p, r, j]
            work[0, j] += a * a
            work[1, j] += b * b
            work[2, j] += (a + b) * (a + b)
            work[3, j] += q * a
            work[4, j] += q * b
            work[5, j] += q * q
    else:
        for j in range(state.shape[2]):
            a = g * (state[c, ahead, j] - state[c, r, j])
            b = g * (u[c, ahead, 0, j] - u[c, r, 0, j])
            q = state[p, r, j]
            work[0, j] += a * a
            work[1, j] += b * b
            work[2, j] += (a + b) * (a + b)
            work[3, j] += q * a
            work[4, j] += q * b
            work[5, j] += q * q


@helper
def _add_row(work, zero, largest, sums):
    """Sums 0 to 4 of one row: s(u1), s(u0), J(u0), J(u1), J(u0) + J(u1) - J(u0 + u1)."""
    s0, s1, v0, v1, bend = zero, zero, zero, zero, zero
    for j in range(work.shape[1]):
        n0 = np.sqrt(work[0, j])
        n1 = np.sqrt(work[1, j])
        v0 += n0
        v1 += n1
        bend += n0 + n1 - np.sqrt(work[2, j])
        s0 += n0 - work[3, j]
        s1 += n1 - work[4, j]
    for j in range(work.shape[1]):
        largest[j] = max(largest[j], work[5, j])
    sums[0] += s1
    sums[1] += s0
    sums[2] += v0
    sums[3] += v1
    sums[4] += bend


@helper
def _general_row(state, u, r, below, behind, axes, gradient, isotropic, zero, work, largest, sums):
    channels = u.shape[0]
    for a in range(axes):
        if a == 0 or not isotropic:
            work[:] = 0
        ahead = r if a == 0 else below if a == 1 else behind
        for c in range(channels):
            p = channels * (1 + axes + a) + c
            _component(state, u, c, p, r, ahead, a == 0, gradient[a], work)
        if a == axes - 1 or not isotropic:
            _add_row(work, zero, largest, sums)


@helper
def _planar_row(state, u, r, below, g_x, g_y, zero, largest, sums):
    """`_component` and `_add_row` at once for a grey image with isotropic norm: the common case."""
    last = state.shape[2] - 1
    s0, s1, v0, v1, bend = zero, zero, zero, zero, zero
    for j in range(last):
        a_x = g_x * (state[0, r, j + 1] - state[0, r, j])
        a_y = g_y * (state[0, below, j] - state[0, r, j])
        b_x = g_x * (u[0, r, 0, j + 1] - u[0, r, 0, j])
        b_y = g_y * (u[0, below, 0, j] - u[0, r, 0, j])
        c_x = a_x + b_x
        c_y = a_y + b_y
        n0 = np.sqrt(a_x * a_x + a_y * a_y)
        n1 = np.sqrt(b_x * b_x + b_y * b_y)
        v0 += n0
        v1 += n1
        bend += n0 + n1 - np.sqrt(c_x * c_x + c_y * c_y)
        s0 += n0 - state[3, r, j] * a_x - state[4, r, j] * a_y
        s1 += n1 - state[3, r, j] * b_x - state[4, r, j] * b_y
    for j in range(last + 1):
        square = state[3, r, j] * state[3, r, j] + state[4, r, j] * state[4, r, j]
        largest[j] = max(largest[j], square)
    a_y = g_y * (state[0, below, last] - state[0, r, last])
    b_y = g_y * (u[0, below, 0, last] - u[0, r, 0, last])
    n0, n1 = abs(a_y), abs(b_y)
    sums[0] += s1 + n1 - state[4, r, last] * b_y
    sums[1] += s0 + n0 - state[4, r, last] * a_y
    sums[2] += v0 + n0
    sums[3] += v1 + n1
    sums[4] += bend + n0 + n1 - abs(a_y + b_y)


@helper
def _square_row(state, u, c, x, y, z, r, plane, tau, rest, sums):
    """Sums 5 to 8 of one row, in float64: squares of u1-u0, u1, u0 and u1 - u0 - tau div p."""
    change, size, start, residual = 0.0, 0.0, 0.0, 0.0
    t_x, t_y = tau[0], tau[1]
    above, t_above = (r - 1, t_y) if r > 0 else (0, 0.0)
    rest[0] = -t_x * np.float64(state[x, r, 0])
    for j in range(1, state.shape[2]):
        rest[j] = t_x * (np.float64(state[x, r, j - 1]) - np.float64(state[x, r, j]))
    for j in range(state.shape[2]):
        rest[j] += t_above * np.float64(state[y, above, j]) - t_y * np.float64(state[y, r, j])
    if plane is not None:
        t_z = tau[2]
        before, t_before = (r - plane, t_z) if r >= plane else (0, 0.0)
        for j in range(state.shape[2]):
            rest[j] += t_before * np.float64(state[z, before, j]) - t_z * np.float64(state[z, r, j])
    for j in range(state.shape[2]):
        a = np.float64(state[c, r, j])
        b = np.float64(u[c, r, 0, j])
        d = b - a + rest[j]
        change += (b - a) * (b - a)
        size += b * b
        start += a * a
        residual += d * d
    sums[5] += change
    sums[6] += size
    sums[7] += start
    sums[8] += residual


@kernel
def slack_sums(
    state, stored, plane, general, tau, exact_tau, gradient, isotropic, zero, first, last
):
    """The largest squared norm of the flux and the nine sums of rows first..last; sets ``stored``.

    ``stored`` (C, rows, 1, columns + 1) becomes the image ``u1 = u0 + tau div p``, in float32.
    ``plane`` as in `kernels_sweep.sweep`; ``general`` is None for a grey image of two axes with
    isotropic norm, else True.
    """
    height, width, channels = state.shape[1], state.shape[2], stored.shape[0]
    slot, axes = (state.shape[0] + channels) // 2, state.shape[0] // channels // 2
    sums, rest = np.zeros(9), np.zeros(width)
    largest = np.zeros(width, state.dtype)
    if general is not None:
        work = np.empty((6, width), state.dtype)
    only = np.int64(0)  # a literal 0 would have `primal_row` compiled once more
    reach = 1
    if plane is not None:
        reach = plane
    for r in range(first, min(last + reach, height) + reach):
        if r < min(last + reach, height):
            for c in range(channels):
                x = slot + c
                y, z = x + channels, x + 2 * channels
                primal_row(state, c, x, y, z, r, plane, tau, stored, c, r, only)
        r -= reach
        if r < first or r >= last:
            continue
        below, behind = min(r + 1, height - 1), r
        if plane is not None:
            if (r + 1) % plane == 0:
                below = r
            if r + reach < height:
                behind = r + reach
        if general is None:
            _planar_row(state, stored, r, below, gradient[0], gradient[1], zero, largest, sums)
        else:
            _general_row(
                state, stored, r, below, behind, axes, gradient, isotropic, zero, work, largest,
                sums,
            )  # fmt: skip
        for c in range(channels):
            x = slot + c
            y, z = x + channels, x + 2 * channels
            _square_row(state, stored, c, x, y, z, r, plane, exact_tau, rest, sums)
    square = largest[0]
    for j in range(1, width):  # NumPy's max takes longer to compile than this whole function
        square = max(square, largest[j])
    return square, sums


@kernel
def widen(double, state, channels, feasible):
    """``double`` becomes f and ``feasible p`` of the strip, in float64."""
    first = (state.shape[0] + channels) // 2
    for slot in range(state.shape[0]):
        if channels <= slot < first:
            continue
        factor = 1.0 if slot < channels else feasible
        for r in range(state.shape[1]):
            for j in range(state.shape[2]):
                double[slot, r, j] = factor * np.float64(state[slot, r, j])


@kernel
def round_to(stored, exact, first, last):
    """``stored`` becomes ``exact``, rounded to its dtype; return the square of the difference."""
    total = 0.0
    for c in range(stored.shape[0]):
        for r in range(first, last):
            row = 0.0
            for j in range(stored.shape[2] - 1):
                stored[c, r, j] = exact[c, r, j]
                rest = np.float64(stored[c, r, j]) - exact[c, r, j]
                row += rest * rest
            total += row
    return total


def upper_sums(
    norm: float, feasible: float, sums: np.ndarray, width: int, components: int, num_values: int
) -> tuple[float, float] | None:
    """Upper bounds of s(u1) and of half the segment's integral, for ``feasible`` times the flux.

    None where rounding in float32 is more than a hundredth of them. With unit roundoff e, a
    summand of m ``components`` is wrong by at most (18 + 3 m) e of the norms it is made of, a row's
    sum of summands by ``width`` e of itself, and ``(1 - feasible) <p, grad u>`` is at most
    ``(1 - feasible) |p| J(u)``. docs/certificate has the count.
    """
    values, stop = 1.01 * (sums[2] + sums[3]), 1.01 * sums[3]
    rounding = (18 + 3 * components) * _EPS + (1 - feasible) * norm
    growth, hidden = 4 * width * _EPS, _TINY * num_values
    slack, segment = sums[0], 0.5 * (sums[0] + sums[1]) - 0.25 * sums[4]
    lost = growth * slack + rounding * stop + hidden
    lost_along = growth * segment + rounding * values + hidden
    if not (lost <= 0.01 * slack and lost_along <= 0.01 * segment and math.isfinite(segment)):
        return None
    return slack + lost, segment + lost_along
