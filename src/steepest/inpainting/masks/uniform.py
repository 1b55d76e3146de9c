"""Pixels drawn at random."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.progress import Callback, Reporter
from .checks import MaskStep, Rng, generator, prepare


def random(
    image: Any,
    density: float,
    *,
    channel_axis: int | None = None,
    rng: Rng = None,
    on_step: Callback | None = None,
) -> np.ndarray:
    """Exactly ``max(1, round(density * N))`` of the N pixels, drawn uniformly.

    With the same ``rng`` seed, masks of the same shape are nested: a larger density only adds
    pixels. Of the image only the shape is used. O(N).

    Parameters
    ----------
    image : array, 1-D to 3-D, plus optional channel axis
        float32, float64, uint8 or uint16.
    density : float
        Share of the pixels to keep, above 0 and up to 1.
    channel_axis : int, optional
        Axis of the channels; they share one mask.
    rng : None, int or numpy.random.Generator
        Randomness, or the seed of it.
    on_step : callable, optional
        Called with a `MaskStep` when done: there is nothing left to stop.

    Returns
    -------
    Boolean array of the spatial shape, True: kept.

    Raises
    ------
    InputError
        Bad image, density, ``rng`` or ``on_step``.
    """
    tell = Reporter(on_step)
    values, count = prepare(image, density, channel_axis)
    mask = np.zeros(values.shape[1:], dtype=bool)
    mask.reshape(-1)[generator(rng).permutation(mask.size)[:count]] = True
    tell(MaskStep(1, 1, count, count))
    return mask
