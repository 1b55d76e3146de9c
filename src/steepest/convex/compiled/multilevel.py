"""Coarser grids: a first flux for large strengths, and corrections for steps that converge slowly.

For images that are constant on 2 x 2 blocks, averaging the blocks and doubling the spacing leaves
the ROF problem unchanged. A coarse flux becomes the flux through each fine face of the coarse face,
interpolated linearly across the cell. With this interpolation P the divergence of ``P q`` is
constant on blocks. The best correction ``p + P (Q - c)``, c being the mean of p over coarse faces,
therefore solves a *weighted* ROF problem on the coarse grid. Its data is the averaged image without
what c moves. Q may turn and shrink freely, and grow by the room that p leaves in the fine ball: its
weights are ``|c| + min(w - |p|)``. Corrections matter at late times, when large regions are flat.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from ...grid.coarsening import average, prolong, restrict, smallest
from ..dual import Dual
from ..solve import RELAXATION, Momentum
from ..total_variation import TotalVariation

_SMALLEST = 16  # pixels along the longest axis of the coarsest grid
_SWEEPS = 80  # iterations on each coarse level; measured: more do not pay off
_CORRECTION_SWEEPS = 100

Solver = Callable[[np.ndarray, TotalVariation], Dual]  # how to solve on a coarser grid


def coarse_flux(
    f: np.ndarray, energy: TotalVariation, strength: float, solver: Solver
) -> np.ndarray | None:
    """A flux for ``1/2||v-f||^2 + strength J(v)`` from the next coarser grid.

    None if the image is too small.
    """
    if max(f.shape[1:]) < 2 * _SMALLEST:
        return None
    coarse, weights = average(f), energy.weights
    if weights is not None:
        weights = average(weights[None])[0]
    coarse_energy = replace(energy, spacing=_doubled(energy, f), weights=weights)
    dual = solver(coarse, coarse_energy)
    start = coarse_flux(coarse, coarse_energy, strength, solver)
    if start is not None:
        dual.set_flux(start)
    dual.set_step(strength, RELAXATION)
    dual.iterate(Momentum().factors(_SWEEPS)[0])
    return prolong(dual.flux, f.shape)  # the first iteration projects it to the ball


def correction(
    u: np.ndarray, p: np.ndarray, energy: TotalVariation, tau: float, solver: Solver
) -> np.ndarray | None:
    """The change ``P (Q - c)`` of the flux ``p`` of the image u, found on all coarser grids.

    ``p`` plus the change may lie slightly outside the ball. None for tiny images, and for Huber-TV,
    whose additional term does not have this form.
    """
    if max(u.shape[1:]) < _SMALLEST or energy.huber > 0:
        return None
    coarse = replace(energy, spacing=_doubled(energy, u))
    return prolong(coarse_change(*blocks(u, p, energy), coarse, tau, solver), u.shape)


def blocks(
    u: np.ndarray, p: np.ndarray, energy: TotalVariation, levels: int = 1
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What a correction needs to know of the image u and its flux p, on a grid halved so often.

    The means of both, and the smallest room that p leaves in the ball, (k, \\*coarse): k is 1, or
    for an anisotropic norm the number of axes.
    """
    room = (1.0 if energy.weights is None else energy.weights) - energy.magnitude(p)
    room = room.reshape(-1, *u.shape[1:])
    for _ in range(levels):
        u, p, room = average(u), restrict(p), smallest(room, u.ndim - 1)
    return u, p, room


def coarse_change(
    mean: np.ndarray,
    centre: np.ndarray,
    room: np.ndarray,
    energy: TotalVariation,
    tau: float,
    solver: Solver,
) -> np.ndarray:
    """``Q - c`` from the `blocks` of an image, with the energy of their grid."""
    radius = (energy.magnitude(centre) + np.maximum(room, 0)).max(0)
    coarse = replace(energy, weights=np.ascontiguousarray(radius, np.float32))
    data = mean + tau * coarse.adjoint(centre)
    # float32 then holds its contrast
    data -= data.mean(tuple(range(1, mean.ndim)), keepdims=True)
    dual = solver(data.astype(np.float32), coarse)
    change = correction(mean, centre, coarse, tau, solver)
    dual.set_flux(centre if change is None else centre + change)
    dual.set_step(tau, RELAXATION)
    dual.iterate(Momentum().factors(_CORRECTION_SWEEPS)[0])
    return dual.flux - centre


def _doubled(energy: TotalVariation, u: np.ndarray) -> tuple[float, ...]:
    """The spacing of the next coarser grid."""
    pairs = zip(energy.steps, u.shape[1:], strict=True)
    return tuple(h * (2 if n > 1 else 1) for h, n in pairs)
