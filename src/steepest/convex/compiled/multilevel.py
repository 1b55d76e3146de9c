"""Coarser grids: a first flux for large strengths, and corrections for steps that converge slowly.

For images that are constant on 2 x 2 blocks, averaging the blocks and doubling the spacing leaves
the ROF problem unchanged. A coarse flux becomes the flux through each fine face of the coarse face,
interpolated linearly across the cell. With this interpolation P the divergence of ``P q`` is
constant on blocks. The best correction ``p + P (Q - c)``, c being the mean of p over coarse faces,
therefore solves a *weighted* ROF problem on the coarse grid, with averaged data. Q may turn and
shrink freely, and grow by the room that p leaves in the fine ball: its weights are
``|c| + min(w - |p|)``. Corrections matter at late times, when large regions are flat.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from ...grid.coarsening import add_prolonged, average, prolong, restrict, smallest
from ..dual import Dual
from ..solve import RELAXATION, Momentum
from ..total_variation import TotalVariation

_SMALLEST = 16  # pixels along the longest axis of the coarsest grid
_SWEEPS = 80  # iterations on each coarse level; measured: more do not pay off
_CORRECTION_SWEEPS, _MOST_SWEEPS = 100, 400  # on the first grid of a correction, on any

Blocks = tuple[np.ndarray, np.ndarray, np.ndarray]  # mean data, mean flux, radius of the ball
Solver = Callable[[np.ndarray, TotalVariation], Dual]  # how to solve on a coarser grid


def coarse_flux(
    f: np.ndarray, energy: TotalVariation, strength: float, solver: Solver
) -> np.ndarray | None:
    """A flux for the step ``strength`` from the next coarser grid; None for tiny images."""
    if max(f.shape[1:]) < 2 * _SMALLEST:
        return None
    shape, coarse, weights = f.shape, average(f), energy.weights
    del f  # of a large image, which may be the caller's only copy
    if weights is not None:
        weights = average(weights[None])[0]
    coarse_energy = replace(energy, spacing=doubled(energy, shape[1:]), weights=weights)
    dual = solver(coarse, coarse_energy)
    start = coarse_flux(coarse, coarse_energy, strength, solver)
    if start is not None:
        dual.set_flux(start)
    dual.set_step(strength, RELAXATION)
    dual.iterate(Momentum().factors(_SWEEPS)[0])
    flux = dual.flux
    del dual
    return prolong(flux, shape)  # the first iteration projects it to the ball


def correction(
    f: np.ndarray, p: np.ndarray, energy: TotalVariation, tau: float, solver: Solver
) -> np.ndarray | None:
    """The change ``Q - c`` on the next coarser grid, found on this grid and all coarser ones.

    ``p`` plus its interpolation (`add_prolonged`) may lie slightly outside the ball. None for tiny
    images, and for Huber-TV, whose additional term does not have this form.
    """
    if max(f.shape[1:]) < _SMALLEST or energy.huber > 0:
        return None
    coarse = replace(energy, spacing=doubled(energy, f.shape[1:]))
    parts = halved(f, p, energy.weights, energy.isotropic)
    return coarse_change(parts, coarse, tau, solver)


def halved(f: np.ndarray, p: np.ndarray, radius: np.ndarray | None, isotropic: bool) -> Blocks:
    """Mean data, mean flux and radius of the ball (None: 1) on the next coarser grid."""

    def norm(q: np.ndarray) -> np.ndarray:
        return np.sqrt(np.einsum("ac...,ac...->..." if isotropic else "ac...,ac...->a...", q, q))

    room = (1 if radius is None else radius) - norm(p)
    centre = restrict(p)
    limit = norm(centre) + np.maximum(smallest(room, len(p)), 0)
    return average(f), centre, limit if isotropic else limit.max(0)


def coarse_change(
    parts: Blocks,
    energy: TotalVariation,
    tau: float,
    solver: Solver,
    sweeps: int = _CORRECTION_SWEEPS,
) -> np.ndarray:
    """``Q - c`` on the grid of ``parts``, found on this grid and all coarser ones, in float32.

    Each coarser grid takes twice the iterations, at half the cost.
    """
    data = parts[0] - parts[0].mean(tuple(range(1, parts[0].ndim)), keepdims=True)
    data, centre, radius = (np.asarray(a, np.float32) for a in (data, *parts[1:]))
    start = centre.copy()
    if max(data.shape[1:]) >= _SMALLEST:
        coarse = replace(energy, spacing=doubled(energy, data.shape[1:]))
        below = halved(data, centre, radius, energy.isotropic)
        more = min(2 * sweeps, _MOST_SWEEPS)
        add_prolonged(start, coarse_change(below, coarse, tau, solver, more))
    return refined((data, centre, radius), energy, tau, solver, start, sweeps)


def refined(
    parts: Blocks,
    energy: TotalVariation,
    tau: float,
    solver: Solver,
    start: np.ndarray,
    sweeps: int,
) -> np.ndarray:
    """``Q - c`` after so many iterations from ``start``."""
    data, centre, radius = parts
    dual = solver(data, replace(energy, weights=radius))
    dual.set_flux(start)
    dual.set_step(tau, RELAXATION)
    dual.iterate(Momentum().factors(sweeps)[0])
    return dual.flux - centre


def doubled(energy: TotalVariation, space: Sequence[int]) -> tuple[float, ...]:
    """The spacing of the next coarser grid."""
    return tuple(h * (2 if n > 1 else 1) for h, n in zip(energy.steps, space, strict=True))
