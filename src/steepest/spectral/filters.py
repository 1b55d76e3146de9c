"""Filters on a decomposition, like an equaliser whose bands are structures.

Fine, weak structures vanish at small times; coarse, strong ones vanish at large times. As in the
literature, a "low-pass" filter keeps the coarse structures. Filters that keep the coarse end also
keep the residual (the mean). Edges are resolved to one step of the time grid of the decomposition.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..core.errors import InputError
from ..core.numbers import check_limit, check_number
from .decomposition import Decomposition


def low_pass(decomposition: Decomposition, time: float) -> np.ndarray:
    """Keep the structures that vanish at or after ``time``, and the residual."""
    time = check_limit(time, "time")
    return decomposition.recompose(lambda t: (t >= time).astype(float))


def high_pass(decomposition: Decomposition, time: float) -> np.ndarray:
    """Keep the structures that vanish before ``time``. The result is fine detail of mean zero."""
    time = check_limit(time, "time")
    return decomposition.recompose(lambda t: (t < time).astype(float), residual_gain=0.0)


def band_pass(decomposition: Decomposition, start: float, stop: float) -> np.ndarray:
    """Keep the structures that vanish at ``start <= t < stop``. The result has mean zero."""
    start, stop = _interval(start, stop)
    return decomposition.recompose(
        lambda t: ((t >= start) & (t < stop)).astype(float), residual_gain=0.0
    )


def band_stop(decomposition: Decomposition, start: float, stop: float) -> np.ndarray:
    """Remove the structures that vanish at ``start <= t < stop``, and keep everything else."""
    start, stop = _interval(start, stop)
    return decomposition.recompose(lambda t: ((t < start) | (t >= stop)).astype(float))


def apply_gain(
    decomposition: Decomposition,
    gain: Callable[[np.ndarray], np.ndarray],
    residual_gain: float = 1.0,
) -> np.ndarray:
    """Apply a gain curve ``gain(t)``: ``sum_n gain(t_n) phi_n + residual_gain u_r``."""
    if not callable(gain):
        raise InputError("gain must be a function of time; for one gain per band use recompose")
    return decomposition.recompose(gain, residual_gain)


def _interval(start: float, stop: float) -> tuple[float, float]:
    start = check_number(start, "start")
    stop = check_limit(stop, "stop")
    if start >= stop:
        raise InputError(f"start={start:g} must be smaller than stop={stop:g}")
    return start, stop
