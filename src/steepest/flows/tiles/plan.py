"""How many iterations each step of a flow will need, from a sample of the image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ...convex.solve import Goal, Momentum
from ...tiled.pass_job import Iterations, read_weights
from ...tiled.picture import Picture
from ...tiled.sample import sample
from ..march import NEGLIGIBLE, Hooks, contrast_energy, fresh_state, march

_MARGIN = 1.1  # doing a pass again costs more than some iterations too many


def count_iterations(
    picture: Picture,
    weights: Picture | None,
    energy: Any,
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
) -> tuple[tuple[Iterations, ...], Momentum]:
    """The pieces of consecutive steps, and the momentum after them."""
    pieces = []
    for tau, count, frame in zip(taus, counts, frames, strict=True):
        short = Momentum(min(momentum.t, float(count)))
        betas, t = short.factors(count)
        pieces.append(
            Iterations(
                tau, momentum.relaxation, tuple(betas), measure=True, keep=frame, advance=True
            )
        )
        momentum = Momentum(t, momentum.expected, momentum.relaxation)
    return tuple(pieces), momentum
