"""What a solver must offer to take part: two families of solves with an effort to dial."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

# (image, strength, effort) -> minimiser
RofSolve = Callable[[Array, float, int], Array]
# (image, tau, num_steps, effort) -> frames (num_steps, rows, columns)
FlowSolve = Callable[[Array, float, int, int], Array]


def in_iterations(effort: int) -> str:
    """Effort of a peer in words."""
    return f"{effort} its"


@dataclass(frozen=True)
class Contender:
    """One solver: variants (label of its step sizes -> solve) among which the best is taken.

    ``effort`` is a positive integer, more is more accurate: the iterations of each solve for a
    peer, a tolerance for steepest (see `benchmarks.ours`). ``describe`` puts it into words.
    """

    name: str
    package: str
    rof: dict[str, RofSolve]
    flow: dict[str, FlowSolve]
    note: str = ""
    describe: Callable[[int], str] = in_iterations
    largest_effort: int = 200_000
    dtype: Any = np.float32
    threads: int = 1


def cold_flow(rof: RofSolve) -> FlowSolve:
    """A flow by one solve from scratch per step, for packages that offer no warm start."""

    def flow(image: Array, tau: float, num_steps: int, effort: int) -> Array:
        frames = np.empty((num_steps, *image.shape), image.dtype)
        u = image
        for n in range(num_steps):
            u = rof(u, tau, effort)
            frames[n] = u
        return frames

    return flow
