"""Loops over unit quaternions, scalar last, up to sign and to a group that acts on the right.

Coordinates at x are rotation vectors that are applied after x. The metric has the curvature 1/4.
"""

import numpy as np

from ...core.compiled import exact_lean_helper as helper
from ...core.compiled import exact_lean_kernel as kernel


@helper
def _product(p, q):
    a, b, c, w = p
    e, f, g, v = q
    return (
        w * e + v * a + (b * g - c * f),
        w * f + v * b + (c * e - a * g),
        w * g + v * c + (a * f - b * e),
        w * v - (a * e + b * f + c * g),
    )


@helper
def _at(points, i):
    return points[i, 0], points[i, 1], points[i, 2], points[i, 3]


@helper
def _inverse(p):
    return -p[0], -p[1], -p[2], p[3]


@helper
def _nearest(x, y, group):
    """Return the representative of ``y`` nearest to ``x``.

    The first of the group is the identity, the next has the smallest angle. Within half of
    that angle, ``y`` itself is the nearest.
    """
    largest = x[0] * y[0] + x[1] * y[1] + x[2] * y[2] + x[3] * y[3]
    if len(group) > 1 and 2 * largest * largest <= 1 + group[1, 3]:
        a, b, c, w = _product(_inverse(x), y)
        best, largest = 0, 0.0
        for k in range(len(group)):
            cosine = w * group[k, 3] - (a * group[k, 0] + b * group[k, 1] + c * group[k, 2])
            if abs(cosine) > abs(largest):
                best, largest = k, cosine
        y = _product(y, _at(group, best))
    return (-y[0], -y[1], -y[2], -y[3]) if largest < 0 else y


@helper
def _between(x, y, group):
    """Return the quaternion that, after ``x``, gives ``y``: its scalar part is not negative."""
    a, b, c, w = _product(_nearest(x, y, group), _inverse(x))
    return a, b, c, max(w, 0.0)


@kernel
def log(x, y, group, out):
    for i in range(len(x)):
        a, b, c, w = _between(_at(x, i), _at(y, i), group)
        sine = np.sqrt(a * a + b * b + c * c)
        factor = 2 * np.arctan2(sine, w) / sine if sine > 0 else 2.0
        out[i, 0], out[i, 1], out[i, 2] = factor * a, factor * b, factor * c


@kernel
def exp(x, xi, out):
    for i in range(len(x)):
        a, b, c = xi[i, 0], xi[i, 1], xi[i, 2]
        angle = np.sqrt(a * a + b * b + c * c)
        factor = np.sin(angle / 2) / angle if angle > 0 else 0.5
        q = _product((factor * a, factor * b, factor * c, np.cos(angle / 2)), _at(x, i))
        norm = np.sqrt(q[0] * q[0] + q[1] * q[1] + q[2] * q[2] + q[3] * q[3])
        for k in range(4):
            out[i, k] = q[k] / norm


@helper
def _matrix(q, out):
    a, b, c, w = q
    out[0, 0], out[1, 1], out[2, 2] = (
        1 - 2 * (b * b + c * c),
        1 - 2 * (a * a + c * c),
        1 - 2 * (a * a + b * b),
    )
    out[0, 1], out[1, 0] = 2 * (a * b - c * w), 2 * (a * b + c * w)
    out[0, 2], out[2, 0] = 2 * (a * c + b * w), 2 * (a * c - b * w)
    out[1, 2], out[2, 1] = 2 * (b * c - a * w), 2 * (b * c + a * w)


@kernel
def matrices(x, out):
    for i in range(len(x)):
        _matrix(_at(x, i), out[i])


@kernel
def transport(x, y, group, out):
    """Rotate by half the angle from ``y`` back to ``x``."""
    for i in range(len(x)):
        a, b, c, w = _between(_at(x, i), _at(y, i), group)
        w += 1.0
        norm = np.sqrt(a * a + b * b + c * c + w * w)
        _matrix((-a / norm, -b / norm, -c / norm, w / norm), out[i])


@kernel
def halving(x, z, group, out):
    """One half along the geodesic, 1 / (2 cos(angle / 4)) across."""
    for i in range(len(x)):
        t = _between(_at(x, i), _at(z, i), group)
        square = t[0] * t[0] + t[1] * t[1] + t[2] * t[2]
        across = 0.5 / np.cos(np.arctan2(np.sqrt(square), t[3]) / 2)
        along = (0.5 - across) / square if square > 0 else 0.0
        for m in range(3):
            for n in range(3):
                out[i, m, n] = along * t[m] * t[n] + (across if m == n else 0.0)
