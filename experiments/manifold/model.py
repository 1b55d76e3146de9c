"""The energy of all solvers here, as groups of pixels that do not overlap.

    F(x) = 1/2 sum d(x_i, f_i)^2  +  alpha sum d(x_i, x_j)
           + beta sum 2 d(y, c(x, z))  +  beta m sum 2 d(c(x_1, x_4), c(x_2, x_3))

with neighbours i and j along every axis, three neighbours x, y, z along every axis, blocks of 2 x 2
pixels, and the midpoint c. For real numbers the terms are \\|x_i - x_j\\|, \\|x - 2y + z\\| and
\\|x_1 - x_2 - x_3 + x_4\\|: the anisotropic norm. ``m`` is the root of 2, which counts the mixed
difference as `steepest.SecondOrderTotalVariation` does.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations, product
from typing import Any

import numpy as np

from .phantoms import wrap

MIXED = 2**0.5


@dataclass(frozen=True, eq=False)
class Group:
    """Pixels (m, k) of m terms without common pixels, their coefficients (k,) and weight."""

    pixels: np.ndarray
    signs: np.ndarray
    weight: float


def groups(space: tuple[int, ...], alpha: Any, beta: float = 0.0) -> list[Group]:
    """All terms but the data term; odd and even pairs (or every third triple) are apart.

    ``alpha`` is one number or one per axis.
    """
    index, found = np.arange(np.prod(space)).reshape(space), []

    def add(lengths: list[int], signs: list[float], weight: float) -> None:
        for begin in product(*(range(n) for n in lengths)):
            parts = []
            for shift in product(*(range(n) for n in lengths)):
                cut = tuple(
                    slice(b + s, size - n + s + 1, n)
                    for b, s, n, size in zip(begin, shift, lengths, space, strict=True)
                )
                parts.append(index[cut].ravel())
            if weight and parts[0].size:
                found.append(Group(np.stack(parts, -1), np.array(signs), weight))

    axes = range(len(space))
    for a in axes:
        add(
            [2 if b == a else 1 for b in axes], [1, -1], float(np.broadcast_to(alpha, axes.stop)[a])
        )
    for a in axes:
        add([3 if b == a else 1 for b in axes], [1, -2, 1], beta)
    for pair in combinations(axes, 2):
        add([2 if b in pair else 1 for b in axes], [1, -1, -1, 1], beta * MIXED)
    return found


def residual(manifold: Any, x: np.ndarray, group: Group) -> np.ndarray:
    """The distance in each term of a group, (m,); on the circle modulo 2 pi, as in the papers."""
    if manifold.point_shape == ():
        return np.abs(wrap(x[group.pixels] @ group.signs))
    parts = [np.ascontiguousarray(x[column]) for column in group.pixels.T]
    if len(parts) == 2:
        return np.asarray(manifold.distance(*parts))
    if len(parts) == 3:
        return 2 * np.asarray(manifold.distance(parts[1], manifold.midpoint(parts[0], parts[2])))
    first, second = manifold.midpoint(parts[0], parts[3]), manifold.midpoint(parts[1], parts[2])
    return 2 * np.asarray(manifold.distance(first, second))


def energy(manifold: Any, x: np.ndarray, f: np.ndarray, terms: list[Group]) -> float:
    """F of points (n, \\*point_shape)."""
    fidelity = 0.5 * float((manifold.distance(x, f) ** 2).sum())
    return fidelity + sum(g.weight * float(residual(manifold, x, g).sum()) for g in terms)


def between(manifold: Any, x: np.ndarray, y: np.ndarray, t: Any) -> np.ndarray:
    """The points at parameter ``t`` (number or (n,)) of the geodesics from x to y."""
    step = manifold.log(x, y)
    return np.asarray(manifold.exp(x, np.reshape(t, (-1, 1)) * step))
