"""How many iterations each step of a flow will need, from a sample of the image."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..convex.solve import Goal, Momentum
from ..convex.total_variation import TotalVariation
from ..flows.march import NEGLIGIBLE, Hooks, contrast_energy, fresh_state, march
from .picture import Picture
from .task import Piece, read_weights
from .windows import Window

_PATCHES = 2  # along each axis
_MARGIN = 1.1  # doing a pass again costs more than some iterations too many
_PATCH = {1: 8192, 2: 320, 3: 64}  # pixels along each axis of a patch


def sample(
    space: tuple[int, ...],
    read: Callable[[Window], np.ndarray],
    most: int = 8192,
    patches: int = _PATCHES,
) -> np.ndarray:
    """A mosaic of patches, of at most ``most`` pixels per axis, from all over the grid.

    The more ``patches`` along each axis, the smaller they are. The shape is (\\*lead, \\*mosaic).
    """
    ndim = len(space)
    side = max(min(_PATCH[ndim] * _PATCHES // patches, most), 1)
    starts = [
        sorted({int(x) for x in np.linspace(0, max(n - side, 0), min(patches, -(-n // side)))})
        for n in space
    ]

    def block(corner: tuple[int, ...], axis: int) -> np.ndarray:
        if axis == len(starts):
            window = (slice(a, a + side) for a in corner)
            return read(tuple(window))
        parts = [block((*corner, a), axis + 1) for a in starts[axis]]
        return np.concatenate(parts, axis - ndim)

    return np.ascontiguousarray(block((), 0))


def count_iterations(
    picture: Picture,
    weights: Picture | None,
    energy: TotalVariation,
    nodes: np.ndarray,
    goal: Goal,
    num_threads: int,
) -> list[int]:
    """The iterations that each step takes on a sample."""
    counts: list[int] = []

    def note(index: int, time: float, outcome: Any, bound: Any, image: Any) -> None:
        counts.append(max(round(_MARGIN * outcome.iterations), 2))

    part = sample(picture.space, picture.read)
    if weights is not None:
        shares = sample(picture.space, lambda window: read_weights(weights, window))
        energy = replace(energy, weights=shares).on(part, energy.steps)
    local = Goal(goal.tol, goal.max_num_iter, reference=NEGLIGIBLE * contrast_energy(part))
    nothing = np.zeros(len(nodes), bool)
    march(
        energy, fresh_state(part), 0.0, nodes, nothing, local,
        num_threads=num_threads, hooks=Hooks(after_step=note),
    )  # fmt: skip
    return counts


def pieces_of(
    taus: Sequence[float], counts: Sequence[int], frames: Sequence[int | None], momentum: Momentum
) -> tuple[tuple[Piece, ...], Momentum]:
    """The pieces of consecutive steps, and the momentum after them."""
    pieces = []
    for tau, count, frame in zip(taus, counts, frames, strict=True):
        short = Momentum(min(momentum.t, float(count)))
        betas, t = short.factors(count)
        pieces.append(
            Piece(tau, momentum.relaxation, tuple(betas), measure=True, keep=frame, advance=True)
        )
        momentum = Momentum(t, momentum.expected, momentum.relaxation)
    return tuple(pieces), momentum
