"""The interface of a solver in the benchmarks: ROF and flow solves with adjustable effort."""

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
    """The effort of a peer in words."""
    return f"{effort} its"


@dataclass(frozen=True)
class Contender:
    """One solver with variants (label of the step sizes -> solve), of which the best is used.

    ``effort`` is a positive integer; more effort is more accurate. It is the number of iterations
    per solve for a peer, and a tolerance for steepest (see `benchmarks.ours`). ``describe`` puts it
    into words.
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
    """A flow with one cold-started solve per step, for packages without warm starts."""

    def flow(image: Array, tau: float, num_steps: int, effort: int) -> Array:
        frames = np.empty((num_steps, *image.shape), image.dtype)
        u = image
        for n in range(num_steps):
            u = rof(u, tau, effort)
            frames[n] = u
        return frames

    return flow
