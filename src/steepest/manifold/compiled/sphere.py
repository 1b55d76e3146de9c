"""Loops over points of a sphere.

The frame at x is made of all columns but the last of the reflection H that exchanges x and the
pole s e, where e is the last axis and the sign s keeps the two apart. Then H x = s e, so the
coordinates of the tangential part of u are all but the last of H u.
"""

import numpy as np

from ...core.compiled import copy
from ...core.compiled import exact_lean_helper as helper
from ...core.compiled import exact_lean_kernel as kernel

_MOST = 10.0  # the largest eigenvalue of a derivative of the midpoint


@helper
def _sign(x):
    return 1.0 if x[-1] < 0 else -1.0


@helper
def _reflect(x, u):
    """Apply H at ``x`` to ``u`` in place."""
    last, s = len(x) - 1, _sign(x)
    square = (x[last] - s) ** 2
    product = (x[last] - s) * u[last]
    for k in range(last):
        square += x[k] * x[k]
        product += x[k] * u[k]
    factor = 2 * product / square
    for k in range(last):
        u[k] -= factor * x[k]
    u[last] -= factor * (x[last] - s)


@helper
def _towards(x, y, t):
    """The angle; ``t`` becomes the unit vector at ``x`` towards ``y``, 0 if equal.

    Only the difference of near and the sum of nearly opposite points is reflected, for accuracy.
    """
    last, cosine = len(x) - 1, 0.0
    for k in range(len(x)):
        cosine += x[k] * y[k]
    side = 1.0 if cosine >= 0 else -1.0
    for k in range(len(x)):
        t[k] = y[k] - side * x[k]
    _reflect(x, t)
    square = 0.0
    for k in range(last):
        square += t[k] * t[k]
    sine = np.sqrt(square)
    if sine > 0:
        for k in range(last):
            t[k] /= sine
        return np.arctan2(sine, cosine)
    for k in range(last):
        t[k] = 0.0
    if side > 0:
        return 0.0
    t[0] = 1.0  # opposite: the first axis of the frame, as good as any direction
    return np.pi


@kernel
def distance(x, y, out):
    for i in range(len(x)):
        difference = total = 0.0
        for k in range(x.shape[1]):
            difference += (x[i, k] - y[i, k]) ** 2
            total += (x[i, k] + y[i, k]) ** 2
        out[i] = 2 * np.arctan2(np.sqrt(difference), np.sqrt(total))


@kernel
def log(x, y, t, out):
    for i in range(len(x)):
        angle = _towards(x[i], y[i], t)
        for k in range(out.shape[1]):
            out[i, k] = angle * t[k]


@kernel
def exp(x, xi, out):
    last = xi.shape[1]
    for i in range(len(x)):
        square = 0.0
        for k in range(last):
            square += xi[i, k] * xi[i, k]
        angle = np.sqrt(square)
        factor = np.sin(angle) / angle if angle > 0 else 1.0
        for k in range(last):
            out[i, k] = factor * xi[i, k]
        out[i, last] = _sign(x[i]) * np.cos(angle)
        _reflect(x[i], out[i])
        norm = 0.0
        for k in range(last + 1):
            norm += out[i, k] * out[i, k]
        norm = np.sqrt(norm)
        for k in range(last + 1):
            out[i, k] /= norm


@kernel
def transport(x, y, scratch, out):
    """R = H_x H_y - (1 - cos(angle)) a b^T, without the last row and column, with the directions a
    and b towards each other.
    """
    size = x.shape[1]
    a, b, column = scratch[0], scratch[1], scratch[2]
    for i in range(len(x)):
        angle = _towards(x[i], y[i], a)
        sine, cosine = np.sin(angle), np.cos(angle)
        a[size - 1] = 0.0
        copy(b, a)
        _reflect(x[i], b)
        for k in range(size):
            b[k] = sine * x[i, k] - cosine * b[k]
        _reflect(y[i], b)
        for n in range(size - 1):
            column[:] = 0.0
            column[n] = 1.0
            _reflect(y[i], column)
            _reflect(x[i], column)
            for m in range(size - 1):
                out[i, m, n] = column[m] - (1 - cosine) * a[m] * b[n]


@kernel
def halving(x, z, t, out):
    """One half along the geodesic, 1 / (2 cos(angle / 2)) across."""
    for i in range(len(x)):
        angle = _towards(x[i], z[i], t)
        across = min(0.5 / max(np.cos(angle / 2), 1e-300), _MOST)
        for m in range(out.shape[1]):
            for n in range(out.shape[1]):
                out[i, m, n] = (0.5 - across) * t[m] * t[n] + (across if m == n else 0.0)
