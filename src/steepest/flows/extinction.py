"""When a total variation flow has become constant."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..convex.certificate import Bound
from ..convex.solve import Goal
from ..convex.total_variation import TotalVariation
from ..core.errors import InputError
from ..core.namespace import epsilon
from ..core.numbers import check_number
from .march import NEGLIGIBLE, contrast_energy, fresh_state, march
from .problem import make_problem

_FIRST = 1e-3  # of the largest deviation from the mean: no pixel can vanish sooner
_FLAT = 1e-3  # relative contrast left at extinction
_DOUBLINGS = 60
_MOST_ITERATIONS = 1000


def extinction_time(
    image: Any, *, tol: float = 3e-3, num_threads: int | None = None, **functional: Any
) -> float:
    """A time after which the flow of ``image`` is constant, at most about twice the first such.

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


def contrast(u: Any) -> float:
    """Largest deviation from the channel's mean."""
    return max(float(abs(channel - channel.mean()).max()) for channel in u)


def shortest_time(image: Any, **functional: Any) -> float:
    """A time before which nothing of the image has vanished, for `extinction_time`'s arguments.

    1e-3 of the contrast divided by the steepest slope that the functional gives a unit step.
    Zero for a constant image.
    """
    problem = make_problem(image, **functional)
    return min(_shortest_time(problem.functional, part) / problem.scale for part in problem.parts)


def _shortest_time(functional: TotalVariation, part: Any) -> float:
    weight = 1.0 if functional.weights is None else float(functional.weights.max())
    return _FIRST * contrast(part) / max(1 / h for h in functional.spacing) / weight


def _extinction(
    functional: TotalVariation, part: Any, tol: float, num_threads: int | None
) -> float:
    start = contrast(part)
    if start <= 4 * epsilon(part) * float(abs(part).max()):
        return 0.0
    step = _shortest_time(functional, part)
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
