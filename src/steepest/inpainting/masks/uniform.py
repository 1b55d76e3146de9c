"""Masks of uniformly random pixels."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.progress import Callback, Reporter
from ...core.rng import Rng, generator
from .checks import MaskStep, prepare


def random(
    image: Any,
    density: float,
    *,
    channel_axis: int | None = None,
    rng: Rng = None,
    on_step: Callback | None = None,
) -> np.ndarray:
    """Draw exactly ``max(1, round(density * N))`` of the N pixels uniformly at random.

    Masks of the same shape from the same ``rng`` seed are nested: a larger density only adds
    pixels. Only the shape of the image is used. The cost is O(N).

    Parameters
    ----------
    image : array, 1-D to 3-D, plus optional channel axis
        Image of dtype float32, float64, uint8 or uint16.
    density : float
        Share of the pixels to keep, above 0 and up to 1.
    channel_axis : int, optional
        Axis that holds the channels, which share one mask.
    rng : None, int or numpy.random.Generator
        Random number generator or its seed.
    on_step : callable, optional
        Called with a `MaskStep` at the end, when there is nothing left to stop.

    Returns
    -------
    Boolean array of the spatial shape
        True at the pixels to keep.

    Raises
    ------
    InputError
        If the image, the density, ``rng`` or ``on_step`` is invalid.
    """
    tell = Reporter(on_step)
    values, count = prepare(image, density, channel_axis)
    mask = np.zeros(values.shape[1:], dtype=bool)
    mask.reshape(-1)[generator(rng).permutation(mask.size)[:count]] = True
    tell(MaskStep(1, 1, count, count))
    return mask
