"""A good first flux for a large strength: the same problem solved on coarser grids first.

Averaging 2 x 2 pixels and doubling the spacing keeps the ROF problem the same for images that are
constant on the blocks; the coarse flux through a coarse face is the fine flux through the faces
it consists of, and is interpolated linearly across the cell.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..functionals.total_variation import TotalVariation
from .rof import Goal, Momentum, make_dual, solve

_SMALLEST = 16  # pixels along the longest axis of the coarsest grid
_SWEEPS = 80  # iterations on each coarse level; measured: more do not pay


def coarse_flux(
    f: np.ndarray, functional: TotalVariation, strength: float, num_threads: int | None = None
) -> np.ndarray | None:
    """A flux for ``1/2||v-f||^2 + strength J(v)`` from the next coarser grid, or None if tiny."""
    if max(f.shape[1:]) < 2 * _SMALLEST:
        return None
    coarse, weights = _average(f), functional.weights
    spacing = tuple(
        h * (2 if n > 1 else 1) for h, n in zip(functional.spacing, f.shape[1:], strict=True)
    )
    if weights is not None:
        weights = _average(weights[None])[0]
    coarse_functional = replace(functional, spacing=spacing, weights=weights)
    dual = make_dual(coarse, coarse_functional, num_threads)
    start = coarse_flux(coarse, coarse_functional, strength, num_threads)
    if start is not None:
        dual.set_flux(start)
    solve(dual, strength, Goal(1e-3, _SWEEPS), Momentum(expected=_SWEEPS // 2))
    return functional.project(_prolong(dual.flux, f.shape)).astype(f.dtype)


def _average(u: np.ndarray) -> np.ndarray:
    """Mean over pairs along every spatial axis; a last odd pixel stays alone."""
    for axis in range(1, u.ndim):
        if u.shape[axis] > 1:
            even = np.take(u, range(0, u.shape[axis], 2), axis)
            odd = np.take(u, range(1, u.shape[axis], 2), axis)
            out = even.copy()
            paired = (slice(None),) * axis + (slice(0, odd.shape[axis]),)
            out[paired] = (even[paired] + odd) / 2
            u = out
    return np.ascontiguousarray(u)


def _prolong(p: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Coarse face fluxes (ndim, channels, \\*coarse) to the fine faces."""
    out = np.empty((p.shape[0], *shape), p.dtype)
    for a in range(p.shape[0]):
        q = p[a]
        for axis in range(1, len(shape)):
            if shape[axis] == 1:
                continue
            if axis - 1 == a:
                before = np.zeros_like(q)
                ahead = (slice(None),) * axis
                before[(*ahead, slice(1, None))] = q[(*ahead, slice(None, -1))]
                q = np.stack([(before + q) / 2, q], axis + 1).reshape(
                    *q.shape[:axis], 2 * q.shape[axis], *q.shape[axis + 1 :]
                )
            else:
                q = np.repeat(q, 2, axis)
            q = np.take(q, range(shape[axis]), axis)
        last = (slice(None),) * (a + 1) + (-1,)
        out[a] = q
        out[a][last] = 0
    return out
