"""Coarser grids: a first flux for large strengths, and corrections for steps that converge slowly.

For images that are constant on 2 x 2 blocks, averaging the blocks and doubling the spacing leaves
the ROF problem unchanged. A coarse flux becomes the flux through each fine face of the coarse face,
interpolated linearly across the cell. With this interpolation P the divergence of ``P q`` is
constant on blocks. The best correction ``p + P q`` therefore solves a *weighted* ROF problem on the
coarse grid: its data is the averaged image, its weights are the room ``w - |p|`` left in the fine
ball. The correction never increases the dual energy. It matters at late times, when large regions
are flat.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from ...grid.coarsening import average, prolong
from ..dual import Dual
from ..solve import RELAXATION, Momentum
from ..total_variation import TotalVariation

_SMALLEST = 16  # pixels along the longest axis of the coarsest grid
_SWEEPS = 80  # iterations on each coarse level; measured: more do not pay off
_CORRECTION_SWEEPS = 40

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


def corrected_flux(dual: Dual, energy: TotalVariation, solver: Solver) -> np.ndarray | None:
    """The flux of ``dual``, corrected on all coarser grids.

    None for tiny images, and for Huber-TV, whose additional term does not have this form.
    """
    if energy.huber > 0:
        return None
    dual.measure()
    p = dual.flux
    change = _correction(dual.image, p, energy, dual.tau, solver)
    return None if change is None else np.asarray(p + change)


def _correction(
    u: np.ndarray, p: np.ndarray, energy: TotalVariation, tau: float, solver: Solver
) -> np.ndarray | None:
    """``P q``, where q (nearly) minimises ``1/2||u + tau div P q||^2`` within the room of ``p``."""
    if max(u.shape[1:]) < _SMALLEST:
        return None
    coarse = average(u)
    coarse_energy = replace(
        energy,
        norm="isotropic",
        spacing=_doubled(energy, u),
        weights=_coarse_room(energy, p),
    )
    dual = solver(coarse, coarse_energy)
    nothing = np.zeros((p.shape[0], *coarse.shape), u.dtype)
    start = _correction(coarse, nothing, coarse_energy, tau, solver)
    if start is not None:
        dual.set_flux(start)
    dual.set_step(tau, RELAXATION)
    dual.iterate(Momentum().factors(_CORRECTION_SWEEPS)[0])
    return prolong(dual.flux, u.shape)


def _coarse_room(energy: TotalVariation, p: np.ndarray) -> np.ndarray:
    """The radius for coarse fluxes q that keeps ``p + P q`` in the fine ball."""
    room = (1.0 if energy.weights is None else energy.weights) - energy.magnitude(p)
    if not energy.isotropic:
        room = room.min(0)
    room = np.maximum(room, 0)
    for axis in range(room.ndim):  # the smallest over each block
        if room.shape[axis] > 1:
            starts = range(0, room.shape[axis], 2)
            room = np.minimum.reduceat(room, starts, axis)
    out = room.copy()
    for axis in range(room.ndim):  # and over the next block, which interpolation also reaches
        head = (slice(None),) * axis + (slice(None, -1),)
        tail = (slice(None),) * axis + (slice(1, None),)
        out[head] = np.minimum(out[head], room[tail])
    components = 1 if energy.isotropic else p.shape[0]
    reach = np.sqrt(p.shape[0]) if components == 1 else 1.0  # components come from different cells
    return np.ascontiguousarray(out / reach).astype(p.dtype)


def _doubled(energy: TotalVariation, u: np.ndarray) -> tuple[float, ...]:
    """The spacing of the next coarser grid."""
    pairs = zip(energy.steps, u.shape[1:], strict=True)
    return tuple(h * (2 if n > 1 else 1) for h, n in pairs)
