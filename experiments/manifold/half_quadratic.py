"""Half-quadratic minimisation: smoothed total variation by reweighted least squares.

    F_eps(x) = 1/2 sum d(x_i, f_i)^2 + alpha sum sqrt(d(x_i, x_j)^2 + eps^2)

With ``s = 1/sqrt(d^2 + eps^2)`` at the current x, a Gauss-Newton step on
``1/2 sum d(x_i, f_i)^2 + alpha/2 sum s d(x_i, x_j)^2`` is one linear system with the connection
Laplacian, solved by conjugate gradients in the tangent spaces.

Bergmann, Chan, Hielscher, Persch & Steidl, Inverse Problems & Imaging 10 (2016) 281-304.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .cyclic import Watch
from .model import groups

_INNER_TOL = 1e-3  # of the residual: the weights change before more is of use
_MOST_INNER = 200


def half_quadratic(
    manifold: Any,
    f: np.ndarray,
    space: tuple[int, ...],
    alpha: float,
    *,
    eps: float = 1e-2,
    sweeps: int = 100,
    watch: Watch | None = None,
) -> np.ndarray:
    """Minimise ``F_eps`` for data ``f`` (n, \\*point_shape)."""
    x = np.array(f)
    i, j = np.concatenate([g.pixels for g in groups(space, 1.0)]).T
    for _ in range(sweeps):
        gap = manifold.log(x[i], x[j])
        turn = manifold.transport(x[i], x[j])
        weight = alpha / np.sqrt((gap**2).sum(1, keepdims=True) + eps**2)
        pull = manifold.log(x, f) - _adjoint(weight * gap, turn, i, j, len(x))
        x = manifold.exp(x, _solve(pull, weight, turn, i, j))
        if watch is not None and watch(x) is True:
            break
    return np.asarray(x)


def _difference(v: np.ndarray, turn: np.ndarray, i: np.ndarray, j: np.ndarray) -> np.ndarray:
    """``R v_j - v_i`` at every edge."""
    return np.einsum("nab,nb->na", turn, v[j]) - v[i]


def _adjoint(
    p: np.ndarray, turn: np.ndarray, i: np.ndarray, j: np.ndarray, count: int
) -> np.ndarray:
    """The adjoint of `_difference`."""
    out = np.zeros((count, p.shape[1]))
    back = np.einsum("nab,na->nb", turn, p)
    for a in range(p.shape[1]):
        out[:, a] = np.bincount(j, back[:, a], count) - np.bincount(i, p[:, a], count)
    return out


def _solve(
    b: np.ndarray, weight: np.ndarray, turn: np.ndarray, i: np.ndarray, j: np.ndarray
) -> np.ndarray:
    """``(1 + D* s D) v = b`` by conjugate gradients, preconditioned by the diagonal."""
    count = len(b)
    diagonal = 1 + np.bincount(i, weight[:, 0], count) + np.bincount(j, weight[:, 0], count)
    v, r = np.zeros_like(b), b
    z = r / diagonal[:, None]
    d, rz = z, float((r * z).sum())
    goal = _INNER_TOL**2 * rz
    for _ in range(_MOST_INNER):
        if rz <= goal:
            break
        bent = d + _adjoint(weight * _difference(d, turn, i, j), turn, i, j, count)
        rate = rz / float((d * bent).sum())
        v, r = v + rate * d, r - rate * bent
        z = r / diagonal[:, None]
        after = float((r * z).sum())
        d, rz = z + after / rz * d, after
    return v
