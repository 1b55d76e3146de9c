"""Coarser grids: a first flux for large strengths, and corrections for steps that converge slowly.

For images that are constant on 2 x 2 blocks, averaging the blocks and doubling the spacing leaves
the ROF problem unchanged. A coarse flux becomes the flux through each fine face of the coarse face,
interpolated linearly across the cell. With this interpolation P the divergence of ``P q`` is
constant on blocks. The best correction ``p + P (Q - c)``, c being the mean of p over coarse faces,
therefore solves a *weighted* ROF problem on the coarse grid. Its data is the averaged image without
what c moves. Q may turn and shrink freely, and grow by the room that p leaves in the fine ball: its
weights are ``|c| + min(w - |p|)``. Corrections matter at late times, when large regions are flat.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from ...grid.coarsening import average, prolong, restrict, smallest
from ..dual import Dual
from ..solve import RELAXATION, Momentum
from ..total_variation import TotalVariation

_SMALLEST = 16  # pixels along the longest axis of the coarsest grid
_SWEEPS = 80  # iterations on each coarse level; measured: more do not pay off
_CORRECTION_SWEEPS, _MOST_SWEEPS = 100, 400  # on the first grid of a correction, on any

Blocks = tuple[np.ndarray, np.ndarray, np.ndarray]  # mean image, mean flux, smallest room
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
    u: np.ndarray, p: np.ndarray, energy: TotalVariation, tau: float, solver: Solver
) -> np.ndarray | None:
    """The change ``P (Q - c)`` of the flux ``p`` of the image u, found on all coarser grids.

    ``p`` plus the change may lie slightly outside the ball. None for tiny images, and for Huber-TV,
    whose additional term does not have this form.
    """
    if max(u.shape[1:]) < _SMALLEST or energy.huber > 0:
        return None
    coarse = replace(energy, spacing=doubled(energy, u.shape[1:]))
    return prolong(coarse_change(halved(u, p, room_in(energy, p)), coarse, tau, solver), u.shape)


def room_in(energy: TotalVariation, p: np.ndarray) -> np.ndarray:
    """How much p may grow within the ball, (1 or axes, \\*space)."""
    room = (1.0 if energy.weights is None else energy.weights) - energy.magnitude(p)
    return np.reshape(room, (-1, *p.shape[2:]))


def halved(mean: np.ndarray, flux: np.ndarray, room: np.ndarray) -> Blocks:
    """Mean image, mean flux and smallest room on the next coarser grid."""
    return average(mean), restrict(flux), smallest(room, mean.ndim - 1)


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
    mean, centre, room = parts
    mean = mean - mean.mean(tuple(range(1, mean.ndim)), keepdims=True)
    mean, centre, room = (np.asarray(a, np.float32) for a in (mean, centre, room))
    change = None
    if max(mean.shape[1:]) >= _SMALLEST:
        coarse = replace(energy, spacing=doubled(energy, mean.shape[1:]))
        below = halved(mean, centre, _radius(centre, room, energy) - energy.magnitude(centre))
        more = min(2 * sweeps, _MOST_SWEEPS)
        change = prolong(coarse_change(below, coarse, tau, solver, more), mean.shape)
    return refined((mean, centre, room), energy, tau, solver, change, sweeps)


def refined(
    parts: Blocks,
    energy: TotalVariation,
    tau: float,
    solver: Solver,
    change: np.ndarray | None,
    sweeps: int,
) -> np.ndarray:
    """``Q - c`` after so many iterations, which begin with the ``change`` of the coarser grid."""
    mean, centre, room = parts
    weights = _radius(centre, room, energy)[0]
    coarse = replace(energy, weights=np.ascontiguousarray(weights, mean.dtype))
    dual = solver(mean + mean.dtype.type(tau) * coarse.adjoint(centre), coarse)
    dual.set_flux(centre if change is None else centre + change)
    dual.set_step(tau, RELAXATION)
    dual.iterate(Momentum().factors(sweeps)[0])
    return dual.flux - centre


def _radius(centre: np.ndarray, room: np.ndarray, energy: TotalVariation) -> np.ndarray:
    """The radius (1, \\*space) of the ball of Q."""
    return (energy.magnitude(centre) + np.maximum(room, 0)).max(0, keepdims=True)


def doubled(energy: TotalVariation, space: Sequence[int]) -> tuple[float, ...]:
    """The spacing of the next coarser grid."""
    return tuple(h * (2 if n > 1 else 1) for h, n in zip(energy.steps, space, strict=True))
