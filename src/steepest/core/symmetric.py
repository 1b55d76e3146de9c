"""Eigenvectors of many small symmetric matrices, in the calling thread.

LAPACK starts threads for matrices from about 26 x 26 on, which cost more than they save: 1.5 ms for
a 32 x 32 matrix, and far more on a busy machine, against 0.06 ms here.

Householder reflections and the QL iterations with implicit shifts of EISPACK (tred2, tql2; Bowdler,
Martin, Reinsch & Wilkinson, Numer. Math. 11 (1968) 293-306), as in NIST's JAMA (public domain).
"""

import math

import numpy as np

from .compiled import copy, exact_helper, exact_kernel

_ROUNDING = 2.0**-52
_SMALLEST = 2.0**-450  # beside 1; products of smaller numbers underflow, and angles are lost


@exact_kernel
def eigenvectors(matrices, values, vectors):
    """Write ``values`` (n, d), in no order, and the columns ``vectors`` (n, d, d)."""
    size = matrices.shape[1]
    off = np.empty(size)
    for i in range(len(matrices)):
        largest = 0.0
        for j in range(size):
            for k in range(size):
                largest = max(largest, abs(matrices[i, j, k]))
        power = math.frexp(largest)[1]
        for j in range(size):
            for k in range(size):
                entry = math.ldexp(matrices[i, j, k], -power)
                vectors[i, j, k] = entry if abs(entry) > _SMALLEST else 0.0
        _tridiagonal(vectors[i], values[i], off)
        _diagonal(vectors[i], values[i], off)
        for j in range(size):
            values[i, j] = math.ldexp(values[i, j], power)


@exact_helper
def _tridiagonal(a, d, e):
    """Replace ``a`` by reflections q with a = q t q^T: t has the diagonal d, beside it e[1:]."""
    size = len(d)
    copy(d, a[size - 1])
    for i in range(size - 1, 0, -1):
        scale, h = 0.0, 0.0
        for k in range(i):
            scale += abs(d[k])
        if scale == 0.0:
            e[i] = d[i - 1]
            for j in range(i):
                d[j] = a[i - 1, j]
                a[i, j] = a[j, i] = 0.0
        else:
            for k in range(i):
                d[k] /= scale
                h += d[k] * d[k]
            f = d[i - 1]
            g = -np.sqrt(h) if f > 0 else np.sqrt(h)
            e[i] = scale * g
            h -= f * g
            d[i - 1] = f - g
            e[:i] = 0.0
            for j in range(i):
                f = a[j, i] = d[j]
                g = e[j] + a[j, j] * f
                for k in range(j + 1, i):
                    g += a[k, j] * d[k]
                    e[k] += a[k, j] * f
                e[j] = g
            f = 0.0
            for j in range(i):
                e[j] /= h
                f += e[j] * d[j]
            for j in range(i):
                e[j] -= f / (h + h) * d[j]
            for j in range(i):
                for k in range(j, i):
                    a[k, j] -= d[j] * e[k] + e[j] * d[k]
                d[j], a[i, j] = a[i - 1, j], 0.0
        d[i] = h
    for i in range(size - 1):  # the product of the reflections
        a[size - 1, i], a[i, i] = a[i, i], 1.0
        h = d[i + 1]
        if h != 0.0:
            for k in range(i + 1):
                d[k] = a[k, i + 1] / h
            for j in range(i + 1):
                g = 0.0
                for k in range(i + 1):
                    g += a[k, i + 1] * a[k, j]
                for k in range(i + 1):
                    a[k, j] -= g * d[k]
        a[: i + 1, i + 1] = 0.0
    copy(d, a[size - 1])
    a[size - 1] = 0.0
    a[size - 1, size - 1] = 1.0


@exact_helper
def _diagonal(v, d, e):
    """Make the tridiagonal matrix diagonal, and turn the columns of ``v`` with it."""
    size = len(d)
    copy(e[: size - 1], e[1:])
    e[size - 1] = 0.0
    shift, largest = 0.0, 0.0
    for first in range(size):
        largest = max(largest, abs(d[first]) + abs(e[first]))
        last = first
        while last < size - 1 and abs(e[last]) > _ROUNDING * largest:
            last += 1
        while last > first:
            g = d[first]
            p = (d[first + 1] - g) / (2 * e[first])
            r = np.sqrt(p * p + 1) if p >= 0 else -np.sqrt(p * p + 1)
            d[first], d[first + 1] = e[first] / (p + r), e[first] * (p + r)
            d_next, h = d[first + 1], g - d[first]
            for i in range(first + 2, size):
                d[i] -= h
            shift += h
            p, e_next = d[last], e[first + 1]
            c = c2 = c3 = 1.0
            s = s2 = 0.0
            for i in range(last - 1, first - 1, -1):
                c3, c2, s2 = c2, c, s
                g, h = c * e[i], c * p
                r = np.hypot(p, e[i])  # not zero where squares are
                e[i + 1] = s * r
                s, c = e[i] / r, p / r
                p = c * d[i] - s * g
                d[i + 1] = h + s * (c * g + s * d[i])
                for k in range(size):
                    h = v[k, i + 1]
                    v[k, i + 1] = s * v[k, i] + c * h
                    v[k, i] = c * v[k, i] - s * h
            p = -s * s2 * c3 * e_next * e[first] / d_next
            e[first], d[first] = s * p, c * p
            if not abs(e[first]) > _ROUNDING * largest:
                break
        d[first] += shift
        e[first] = 0.0
