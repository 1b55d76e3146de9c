"""Cyclic proximal points: one term after the other, with a step that tends to zero.

With ``lambda_k = first / k``, sweep k replaces x by the proximal point of every term in turn:

    data:    the point at lambda/(1 + lambda) of the geodesic from x to f
    pair:    both ends move towards each other by min(lambda alpha, d/2)
    second:  on the circle, with s = wrap<w, x>:  x - sgn(s) min(lambda beta, |s|/|w|^2) w;
             elsewhere two Gauss-Newton steps (the papers take subgradient steps)

The sum of the steps is infinite and that of their squares finite: the iteration converges in
Hadamard spaces, like a power of k. ``first`` decides how fast; pi/2 is the papers' choice.

Weinmann, Demaret & Storath, SIAM J. Imaging Sci. 7 (2014) 2226-2257; Bergmann, Laus, Steidl &
Weinmann, ibid. 2916-2953; Bacak, Bergmann, Steidl & Weinmann, SIAM J. Sci. Comput. 38 (2016)
A567-A597.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit

from .model import Group, between, groups

_INNER = 2  # Gauss-Newton steps of a second-order term off the circle
_BISECTIONS = 40
Watch = Callable[[np.ndarray], object]


def cyclic_points(
    manifold: Any,
    f: np.ndarray,
    space: tuple[int, ...],
    alpha: Any,
    beta: float = 0.0,
    *,
    sweeps: int = 1000,
    first: float = math.pi / 2,
    start: np.ndarray | None = None,
    watch: Watch | None = None,
) -> np.ndarray:
    """Minimise ``F`` of `model` for data ``f`` (n, \\*point_shape); see there.

    ``watch(x)`` is called after every sweep and stops the iteration by returning True.
    """
    x, terms = np.array(f if start is None else start), groups(space, alpha, beta)
    for k in range(1, sweeps + 1):
        step = first / k
        if manifold.point_shape == ():
            _data(x, f, step / (1 + step))
            for group in terms:
                _along(x, group.pixels, group.signs, step * group.weight)
        else:
            x = between(manifold, x, f, step / (1 + step))
            for group in terms:
                _proximal(manifold, x, group, step * group.weight)
        if watch is not None and watch(x) is True:
            break
    return x


def _proximal(manifold: Any, x: np.ndarray, group: Group, step: float) -> None:
    """Replace the points of a group by the proximal points of its terms."""
    parts = [x[column] for column in group.pixels.T]
    if len(parts) == 2:
        moved = approach(manifold, parts[0], parts[1], step)
    else:
        moved = bend(manifold, parts, step)
    for column, points in zip(group.pixels.T, moved, strict=True):
        x[column] = points


def approach(manifold: Any, x: np.ndarray, y: np.ndarray, step: float) -> list[np.ndarray]:
    """``argmin 1/2 d(u, x)^2 + 1/2 d(v, y)^2 + step d(u, v)``, exact."""
    forth, back = manifold.log(x, y), manifold.log(y, x)
    length = np.linalg.norm(forth, axis=1, keepdims=True)
    share = np.minimum(step / np.maximum(length, 1e-300), 0.5)
    return [manifold.exp(x, share * forth), manifold.exp(y, share * back)]


def bend(manifold: Any, parts: list[np.ndarray], step: float) -> list[np.ndarray]:
    """``argmin 1/2 sum d(u_k, x_k)^2 + step |r(u)|`` by Gauss-Newton steps, each exact.

    r is ``2 log_v c`` with v = u_2 and c the midpoint of u_1 and u_3; of four points, v is the
    midpoint of u_2 and u_3, and c that of u_1 and u_4. With r + B xi at the current u and
    L = log_u x, a step is ``xi = L - B* p``, where p minimises ``1/2 |B* p|^2 - <r + B L, p>``
    over ``|p| <= step``.
    """
    u = list(parts)
    for _ in range(_INNER):
        r, blocks = _residual(manifold, u)
        logs = [manifold.log(point, x) for point, x in zip(u, parts, strict=True)]
        q = r + sum(np.einsum("nab,nb->na", B, L) for B, L in zip(blocks, logs, strict=True))
        p = in_ball(sum(B @ np.swapaxes(B, 1, 2) for B in blocks), q, step)
        u = [
            manifold.exp(point, L - np.einsum("nab,na->nb", B, p))
            for point, L, B in zip(u, logs, blocks, strict=True)
        ]
    return u


def _residual(manifold: Any, u: list[np.ndarray]) -> tuple[np.ndarray, list[np.ndarray]]:
    """r (n, d) and its derivatives (n, d, d) by every point."""
    c = manifold.midpoint(u[0], u[-1])
    foot = u[1] if len(u) == 3 else manifold.midpoint(u[1], u[2])
    turn = 2 * manifold.transport(foot, c)
    first, last = (turn @ end for end in manifold.midpoint_differential(u[0], u[-1]))
    if len(u) == 3:
        inner = [np.tile(-2 * np.eye(manifold.dimension), (len(c), 1, 1))]
    else:
        inner = [-2 * end for end in manifold.midpoint_differential(u[1], u[2])]
    return 2 * manifold.log(foot, c), [first, *inner, last]


def in_ball(matrix: np.ndarray, q: np.ndarray, radius: float) -> np.ndarray:
    """``argmin 1/2 <p, S p> - <q, p>`` over ``|p| <= radius``: p = (S + mu)^-1 q, by bisection."""
    values, vectors = np.linalg.eigh(matrix)
    values, q = np.maximum(values, 1e-12), np.einsum("nba,nb->na", vectors, q)
    low = np.zeros((len(q), 1))
    high = np.linalg.norm(q, axis=1, keepdims=True) / max(radius, 1e-300)
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        long = _long(values, q, middle, radius)
        low, high = np.where(long, middle, low), np.where(long, high, middle)
    free = ~_long(values, q, np.zeros_like(low), radius)
    p = q / (values + np.where(free, 0.0, high))
    return np.asarray(np.einsum("nab,nb->na", vectors, p))


def _long(values: np.ndarray, q: np.ndarray, mu: np.ndarray, radius: float) -> np.ndarray:
    return np.linalg.norm(q / (values + mu), axis=1, keepdims=True) > radius


@njit(cache=True)
def _wrap(a: float) -> float:
    if -math.pi < a <= math.pi:
        return a
    return a - 2 * math.pi * math.ceil((a - math.pi) / (2 * math.pi))


@njit(cache=True)
def _data(x: np.ndarray, f: np.ndarray, t: float) -> None:
    for i in range(x.size):
        x[i] = _wrap(x[i] + t * _wrap(f[i] - x[i]))


@njit(cache=True)
def _along(x: np.ndarray, pixels: np.ndarray, w: np.ndarray, step: float) -> None:
    """The proximal points of a group on the circle, first and second order alike."""
    square = (w * w).sum()
    for row in pixels:
        s = 0.0
        for k in range(w.size):
            s += w[k] * x[row[k]]
        s = _wrap(s)
        move = min(step, abs(s) / square) * (1.0 if s > 0 else -1.0)
        for k in range(w.size):
            x[row[k]] = _wrap(x[row[k]] - move * w[k])
