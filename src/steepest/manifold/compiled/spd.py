"""Loops over symmetric positive definite matrices of any size.

Coordinates of a symmetric matrix are its diagonal and sqrt(2) times its lower triangle, row by
row, so that their norm is the Frobenius norm. Eigenvectors are found by Jacobi's rotations, which
are accurate for small eigenvalues too.
"""

import numpy as np

from ...core.compiled import copy, exact_helper, exact_kernel

_ROOT = np.sqrt(2.0)
_SWEEPS = 20  # five are usual for 3 x 3
_NEGLIGIBLE = 1e-34  # square of an off-diagonal entry relative to its two diagonal ones
_SMALLEST = 1e-300


@exact_helper
def _eigen(a, v):
    """Make ``a`` diagonal by rotations: the old ``a`` is v a v^T with the new ones."""
    size = len(a)
    for i in range(size):
        for j in range(size):
            v[i, j] = 1.0 if i == j else 0.0
    for _ in range(_SWEEPS):
        done = True
        for p in range(size - 1):
            for q in range(p + 1, size):
                off = a[p, q]
                if off * off <= _NEGLIGIBLE * abs(a[p, p] * a[q, q]):
                    continue
                done = False
                half = 0.5 * (a[q, q] - a[p, p])
                hypotenuse = np.sqrt(half * half + off * off)
                t = off / (half + hypotenuse) if half >= 0 else off / (half - hypotenuse)
                c = 1 / np.sqrt(t * t + 1)
                s = t * c
                a[p, p] -= t * off
                a[q, q] += t * off
                a[p, q] = a[q, p] = 0.0
                for r in range(size):
                    if r not in (p, q):
                        first, second = a[r, p], a[r, q]
                        a[r, p] = a[p, r] = c * first - s * second
                        a[r, q] = a[q, r] = s * first + c * second
                    first, second = v[r, p], v[r, q]
                    v[r, p] = c * first - s * second
                    v[r, q] = s * first + c * second
        if done:
            break


@exact_helper
def _cholesky(a, g):
    """Write the lower triangular g with g g^T = a; above the diagonal ``g`` is left as it is."""
    for i in range(len(a)):
        for j in range(i + 1):
            total = a[i, j]
            for k in range(j):
                total -= g[i, k] * g[j, k]
            g[i, j] = np.sqrt(max(total, _SMALLEST)) if i == j else total / g[j, j]


@exact_helper
def _divide(g, a):
    """Replace ``a`` by g^-1 a."""
    size = len(a)
    for i in range(size):
        for j in range(size):
            total = a[i, j]
            for k in range(i):
                total -= g[i, k] * a[k, j]
            a[i, j] = total / g[i, i]


@exact_helper
def _relative(x, y, g, a):
    """Write the Cholesky factor g of ``x`` and a = g^-1 y g^-T."""
    size = len(x)
    _cholesky(x, g)
    for i in range(size):
        copy(a[i], y[i])
    _divide(g, a)
    for i in range(size):
        for j in range(i + 1, size):
            a[i, j], a[j, i] = a[j, i], a[i, j]
    _divide(g, a)
    for i in range(size):  # symmetric up to rounding
        for j in range(i):
            a[i, j] = a[j, i] = 0.5 * (a[i, j] + a[j, i])


@exact_helper
def _logarithms(a):
    """Replace the diagonal of ``a`` by its logarithms."""
    for k in range(len(a)):
        a[k, k] = np.log(max(a[k, k], _SMALLEST))


@exact_helper
def _gather(a, v, out):
    """Write the coordinates of v a v^T for diagonal ``a``."""
    place = 0
    for i in range(len(a)):
        for j in range(i + 1):
            total = 0.0
            for k in range(len(a)):
                total += v[i, k] * a[k, k] * v[j, k]
            out[place] = total if i == j else _ROOT * total
            place += 1


@exact_helper
def _scatter(coordinates, a):
    """Write the matrix of these coordinates."""
    place = 0
    for i in range(len(a)):
        for j in range(i + 1):
            value = coordinates[place]
            a[i, j] = a[j, i] = value if i == j else value / _ROOT
            place += 1


@exact_helper
def _squares(b, out):
    """Write b b^T."""
    for i in range(len(b)):
        for j in range(i + 1):
            total = 0.0
            for k in range(len(b)):
                total += b[i, k] * b[j, k]
            out[i, j] = out[j, i] = total


@exact_helper
def _conjugation(q, out):
    """Write the matrix that takes coordinates of a symmetric a to those of q a q^T."""
    row = 0
    for i in range(len(q)):
        for j in range(i + 1):
            column = 0
            outer = 1.0 if i == j else _ROOT
            for k in range(len(q)):
                for m in range(k + 1):
                    inner = 0.5 if k == m else 1 / _ROOT
                    both = q[i, k] * q[j, m] + q[i, m] * q[j, k]
                    out[row, column] = outer * inner * both
                    column += 1
            row += 1


@exact_kernel
def extreme_eigenvalues(x, least, largest):
    size = x.shape[1]
    a, v = np.empty((size, size)), np.empty((size, size))
    for i in range(len(x)):
        for k in range(size):
            copy(a[k], x[i, k])
        _eigen(a, v)
        least[i] = largest[i] = a[0, 0]
        for k in range(1, size):
            least[i], largest[i] = min(least[i], a[k, k]), max(largest[i], a[k, k])


@exact_kernel
def matrix_log(x, out):
    size = x.shape[1]
    a, v = np.empty((size, size)), np.empty((size, size))
    for i in range(len(x)):
        for k in range(size):
            copy(a[k], x[i, k])
        _eigen(a, v)
        _logarithms(a)
        _gather(a, v, out[i])


@exact_kernel
def matrix_exp(coordinates, out):
    size = out.shape[1]
    a, v = np.empty((size, size)), np.empty((size, size))
    for i in range(len(out)):
        _scatter(coordinates[i], a)
        _eigen(a, v)
        for k in range(size):
            root = np.exp(0.5 * a[k, k])
            for j in range(size):
                v[j, k] *= root
        _squares(v, out[i])


@exact_kernel
def log(x, y, out):
    size = x.shape[1]
    g, a, v = np.empty((size, size)), np.empty((size, size)), np.empty((size, size))
    for i in range(len(x)):
        _relative(x[i], y[i], g, a)
        _eigen(a, v)
        _logarithms(a)
        _gather(a, v, out[i])


@exact_kernel
def exp(x, xi, out):
    """g exp(s) g^T as b b^T with b = g v exp(a / 2) for s = v a v^T."""
    size = x.shape[1]
    g, a, v = np.empty((size, size)), np.empty((size, size)), np.empty((size, size))
    for i in range(len(x)):
        _cholesky(x[i], g)
        _scatter(xi[i], a)
        _eigen(a, v)
        for k in range(size):
            root = np.exp(0.5 * a[k, k])
            for j in range(size - 1, -1, -1):
                total = 0.0
                for m in range(j + 1):
                    total += g[j, m] * v[m, k]
                v[j, k] = root * total
        _squares(v, out[i])


@exact_kernel
def transport(x, y, out):
    """Conjugation by the orthogonal exp(-s / 2) g_x^-1 g_y, for exp(s) = g_x^-1 y g_x^-T."""
    size = x.shape[1]
    g, a, v = np.empty((size, size)), np.empty((size, size)), np.empty((size, size))
    b, q = np.zeros((size, size)), np.empty((size, size))
    for i in range(len(x)):
        _relative(x[i], y[i], g, a)
        _eigen(a, v)
        b[:] = 0.0
        _cholesky(y[i], b)
        _divide(g, b)
        for m in range(size):
            for n in range(size):
                g[m, n] = 0.0  # v^T b, then divided by the roots of the eigenvalues
                for k in range(size):
                    g[m, n] += v[k, m] * b[k, n]
                g[m, n] /= np.sqrt(max(a[m, m], _SMALLEST))
        for m in range(size):
            for n in range(size):
                q[m, n] = 0.0
                for k in range(size):
                    q[m, n] += v[m, k] * g[k, n]
        _conjugation(q, out[i])


@exact_kernel
def halving(x, z, out):
    """1 / (2 cosh((s_i - s_j) / 4)) along v_i v_j^T + v_j v_i^T for exp(v s v^T) = g^-1 z g^-T."""
    size, dimension = x.shape[1], out.shape[1]
    g, a, v = np.empty((size, size)), np.empty((size, size)), np.empty((size, size))
    change, factors = np.empty((dimension, dimension)), np.empty(dimension)
    for i in range(len(x)):
        _relative(x[i], z[i], g, a)
        _eigen(a, v)
        _logarithms(a)
        place = 0
        for m in range(size):
            for n in range(m + 1):
                factors[place] = 0.5 / np.cosh(0.25 * (a[m, m] - a[n, n]))
                place += 1
        _conjugation(v, change)
        for m in range(dimension):
            for n in range(dimension):
                total = 0.0
                for k in range(dimension):
                    total += change[m, k] * factors[k] * change[n, k]
                out[i, m, n] = total
