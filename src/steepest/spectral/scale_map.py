"""The scale of what each pixel belongs to."""

from __future__ import annotations

import numpy as np

from .decomposition import Decomposition


def scale_map(decomposition: Decomposition) -> np.ndarray:
    """For each pixel the time of the largest response ``|phi(t)|`` per logarithm of time.

    Parameters
    ----------
    decomposition : Decomposition

    Returns
    -------
    array of the spatial shape, the image's dtype
        Times; 0 where nothing ever changes (a constant image). Channels are combined by their
        Euclidean norm.
    """
    nodes = decomposition.nodes
    shape = list(decomposition.image.shape)
    axis = decomposition.channel_axis
    if axis is not None:
        del shape[axis]
    best = np.zeros(shape)
    where = np.zeros(shape)
    for n in range(1, nodes.size - 1):
        response = np.abs(decomposition.mass(n))
        if axis is not None:
            response = np.sqrt((response**2).sum(axis))
        lower = nodes[n - 1] if n > 1 else nodes[1] ** 2 / nodes[2]
        response /= 0.5 * np.log(nodes[n + 1] / lower)
        larger = response > best
        best[larger] = response[larger]
        where[larger] = nodes[n]
    return where.astype(decomposition.image.dtype)
