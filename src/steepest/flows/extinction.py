"""When a total variation flow has become constant."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.arrays import check_number
from ..core.errors import InputError
from ..functionals.certificate import Bound
from ..solvers.rof import Goal
from .march import NEGLIGIBLE, contrast_energy, fresh_state, march
from .problem import make_problem

_FIRST = 1e-3  # of the largest deviation from the mean: no pixel can vanish sooner
_FLAT = 1e-3  # relative contrast left at extinction
_DOUBLINGS = 60
_MOST_ITERATIONS = 1000


def extinction_time(
    image: Any, *, tol: float = 2e-2, num_threads: int | None = None, **functional: Any
) -> float:
    """A time after which the flow of ``image`` is constant, less than about twice the first such.

    Marches with steps that double until the contrast has fallen below 1e-3 of the image's.

    Parameters
    ----------
    image : array
        As in `tv_flow`.
    tol : float
        Relative duality gap of the steps.
    **functional
        isotropic, weights, spacing, channel_axis, coupled of `tv_flow`.

    Returns
    -------
    float
        Zero for a constant image.

    Raises
    ------
    InputError
        For Huber-TV, which never goes extinct, for weights that vanish, and for bad images.
    """
    if functional.get("huber", 0.0):
        raise InputError("huber must be 0 here: the Huber-TV flow never becomes constant")
    weights = functional.get("weights")
    if weights is not None and not np.all(np.asarray(weights) > 0):
        raise InputError("weights must be positive here: where they vanish nothing goes extinct")
    check_number(tol, "tol", positive=True)
    problem = make_problem(image, **functional)
    times = [
        _extinction(problem.functional, part, tol, num_threads) / problem.scale
        for part in problem.parts
    ]
    return max(times)


def _extinction(functional: Any, part: Any, tol: float, num_threads: int | None) -> float:
    def contrast(u: Any) -> float:
        """Largest deviation from the channel's mean."""
        return max(float(abs(channel - channel.mean()).max()) for channel in u)

    start = contrast(part)
    if start == 0 or start <= 1e-6 * float(abs(part).max()):
        return 0.0
    step = _FIRST * start / max(1 / h for h in functional.spacing)
    if functional.weights is not None:
        step /= float(functional.weights.max())
    nodes = step * 2.0 ** np.arange(_DOUBLINGS)
    seen: list[float] = []

    def watch(index: int, time: float, outcome: Any, bound: Bound, image: Any) -> bool:
        seen.append(time)
        return contrast(image()) <= _FLAT * start

    reference = NEGLIGIBLE * contrast_energy(part)
    march(
        functional,
        fresh_state(part),
        0.0,
        nodes,
        np.zeros(nodes.size, bool),
        Goal(tol, _MOST_ITERATIONS, reference=reference),
        num_threads=num_threads,
        after_step=watch,
    )
    return seen[-1]
