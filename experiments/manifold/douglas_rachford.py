"""Parallel Douglas-Rachford: all terms at once, then the Karcher mean of the copies.

Every group of disjoint terms (data, odd and even pairs of every axis) has its own copy of the
image. A step reflects each copy at its proximal point, ``R(p) = exp_u(-log_u p)`` with
``u = prox p``, reflects all copies at their mean, and averages with the copies before it
(Krasnoselski-Mann). Converges where the curvature is constant and not positive.

Bergmann, Persch & Steidl, SIAM J. Imaging Sci. 9 (2016) 901-937.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .cyclic import Watch, approach
from .model import between, groups

_MEAN_STEPS = 5  # of the Karcher mean, from the mean of the sweep before


def douglas_rachford(
    manifold: Any,
    f: np.ndarray,
    space: tuple[int, ...],
    alpha: float,
    *,
    sweeps: int = 500,
    step: float = 0.5,
    relaxation: float = 0.9,
    watch: Watch | None = None,
) -> np.ndarray:
    """Minimise ``F`` of `model` with beta = 0 for data ``f`` (n, \\*point_shape)."""
    terms, mean = groups(space, alpha), np.array(f)
    copies = [np.array(f) for _ in range(len(terms) + 1)]
    for _ in range(sweeps):
        near = [between(manifold, copies[0], f, step / (1 + step))]
        for group, copy in zip(terms, copies[1:], strict=True):
            u = copy.copy()
            i, j = group.pixels.T
            u[i], u[j] = approach(manifold, copy[i], copy[j], step * group.weight)
            near.append(u)
        mirrored = [_reflect(manifold, u, p) for u, p in zip(near, copies, strict=True)]
        mean = karcher_mean(manifold, mirrored, mean)
        copies = [
            between(manifold, p, _reflect(manifold, mean, q), relaxation)
            for p, q in zip(copies, mirrored, strict=True)
        ]
        if watch is not None and watch(mean) is True:
            break
    return mean


def karcher_mean(manifold: Any, points: list[np.ndarray], start: np.ndarray) -> np.ndarray:
    """The point with the least sum of squared distances to each list's points."""
    x = start
    for _ in range(_MEAN_STEPS):
        pull = sum(manifold.log(x, p) for p in points) / len(points)
        x = manifold.exp(x, pull)
    return np.asarray(x)


def _reflect(manifold: Any, centre: np.ndarray, point: np.ndarray) -> np.ndarray:
    return np.asarray(manifold.exp(centre, -manifold.log(centre, point)))
