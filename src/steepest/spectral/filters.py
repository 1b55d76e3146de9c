"""Filters on a decomposition, like an equaliser whose bands are structures.

Fine, weak structures vanish at small times; coarse, strong ones vanish at large times. As in the
literature, a "low-pass" filter keeps the coarse structures. Filters that keep the coarse end also
keep the residual (the mean). Edges are resolved to one step of the time grid of the decomposition.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..convex.energy import Energy
from ..core.errors import InputError
from ..core.numbers import check_limit, check_number
from ..core.progress import Callback
from ..core.solver import Solver, limits
from ..core.tiles import Tiles, works_by_tiles
from ..flows.run import DEFAULT_MAX_ITER
from ..flows.time_grid import TimeGrid
from ..tiled.request import TileRequest
from .decomposition import Decomposition, FilteredImage
from .in_memory import DEFAULT_TOL
from .tiles import filter_by_tiles
from .transform import decompose


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


def apply_filter(
    image: Any,
    linear: Callable[[Decomposition], np.ndarray],
    energy: Energy | None = None,
    *,
    bands: int | Sequence[float] | None = None,
    t_max: float | None = None,
    steps: int | TimeGrid | None = None,
    channel_axis: int | None = None,
    spacing: float | Sequence[float] | None = None,
    solver: Solver | None = None,
    on_step: Callback | None = None,
    out: Any = None,
    tiles: Tiles | None = None,
) -> FilteredImage:
    """Filter an image by its structures, in memory or tile by tile.

    Parameters
    ----------
    image, energy, t_max, steps, channel_axis, spacing, solver, on_step, tiles
        As in `decompose`.
    linear : callable
        Takes a `Decomposition` and returns the filtered image, a linear combination of its frames:
        ``lambda d: steepest.spectral.low_pass(d, 0.1)`` or ``lambda d: d.recompose([0, 1, 2])``. By
        tiles, it is called once, with unit vectors in place of the frames, to find its
        coefficients. Gain curves that are not constant over long intervals then need all frames in
        the folder of work.
    bands : optional
        As in `decompose`. The default is a single band, which is all that filters with a gain curve
        need.
    out : array-like of the shape of ``image``, optional
        Where the filtered image is written tile by tile, in floating point.

    Returns
    -------
    FilteredImage
    """
    if works_by_tiles(image, out, tiles):
        own = limits(solver, tol=DEFAULT_TOL, max_num_iter=DEFAULT_MAX_ITER)
        request = TileRequest(image, out, own, tiles or Tiles(), channel_axis, spacing, on_step)
        return filter_by_tiles(request, linear, energy, bands, t_max, steps)
    found = decompose(
        image, energy, bands=[] if bands is None else bands, t_max=t_max, steps=steps,
        channel_axis=channel_axis, spacing=spacing, solver=solver, on_step=on_step,
    )  # fmt: skip
    flow = replace(found.flow, images=None, num_values=math.prod(found.image.shape))
    return FilteredImage(np.asarray(linear(found)), found.nodes, found.edges, flow)


def _interval(start: float, stop: float) -> tuple[float, float]:
    start = check_number(start, "start")
    stop = check_limit(stop, "stop")
    if start >= stop:
        raise InputError(f"start={start:g} must be smaller than stop={stop:g}")
    return start, stop
