"""Map the scale of the structure that each pixel belongs to."""

from __future__ import annotations

from typing import Literal

import numpy as np

from ..core.numbers import check_choice
from .decomposition import Decomposition, planes_of

_AROUND = 1.5  # masses whose times differ by no more than this factor belong to one structure


def scale_map(
    decomposition: Decomposition, quantity: Literal["time", "length"] = "time"
) -> np.ndarray:
    """Compute, for each pixel, the time or the size of the structure that dominates it.

    The dominating structure is the one with the largest response ``|phi(t)|`` per unit of
    logarithmic time.

    Parameters
    ----------
    decomposition : Decomposition
    quantity : "time" or "length"
        "time" gives the time t of the largest response. "length" gives ``ndim * t / c``, where c is
        the contrast that the pixel loses around this time (within a factor of 1.5). For a disc,
        which vanishes at ``t = c r / 2``, the length is its radius r. For other structures, it is
        the radius of the disc with the same ratio of area to perimeter. Between structures, it
        measures how far apart they are. The length is in units of ``spacing`` (by default, pixels)
        and at most the longest side of the image.

    Returns
    -------
    array of the spatial shape, dtype of the image
        The map. It is 0 where nothing ever changes (a constant image). Coupled channels are
        combined by their Euclidean norm. For separate channels, the channel with the largest
        response determines the value.
    """
    check_choice(quantity, "quantity", ("time", "length"))
    axis = decomposition.channel_axis
    if axis is None or decomposition.coupled:
        scales, _ = _dominant(decomposition, quantity, None)
        return scales.astype(decomposition.image.dtype)
    maps = [_dominant(decomposition, quantity, c) for c in range(decomposition.image.shape[axis])]
    scales, responses = (np.array(arrays) for arrays in zip(*maps, strict=True))
    strongest = responses.argmax(0)[None]
    return np.take_along_axis(scales, strongest, 0)[0].astype(decomposition.image.dtype)


def _dominant(
    decomposition: Decomposition, quantity: str, channel: int | None
) -> tuple[np.ndarray, np.ndarray]:
    """Scale and response of the dominating structure, for all channels together or for one."""
    nodes, axis = decomposition.nodes, decomposition.channel_axis

    def chosen(planes: np.ndarray) -> np.ndarray:
        """Select the channels to use, as an array (channels, *space)."""
        planes = planes_of(planes, axis)
        return planes if channel is None else planes[channel : channel + 1]

    def norm(planes: np.ndarray) -> np.ndarray:
        return np.sqrt((planes**2).sum(0)) if len(planes) > 1 else np.abs(planes[0])

    shape = chosen(decomposition.image).shape
    best, where = np.zeros(shape[1:]), np.zeros(shape[1:])
    for n in range(1, nodes.size - 1):
        lower = nodes[n - 1] if n > 1 else nodes[1] ** 2 / nodes[2]
        response = norm(chosen(decomposition.mass(n))) / (0.5 * np.log(nodes[n + 1] / lower))
        larger = response > best
        best[larger] = response[larger]
        where[larger] = nodes[n]
    if quantity == "time":
        return where, best
    lost = np.zeros(shape)
    for n in range(1, nodes.size - 1):
        near = (nodes[n] <= _AROUND * where) & (where <= _AROUND * nodes[n])
        lost += np.where(near, chosen(decomposition.mass(n)), 0)
    steps = decomposition.spacing
    longest = float(np.max(np.multiply(where.shape, steps)))
    contrast = np.maximum(norm(lost), np.finfo(float).tiny)
    with np.errstate(over="ignore"):
        return np.minimum(where.ndim * where / contrast, longest), best
