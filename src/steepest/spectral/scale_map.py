"""The scale of what each pixel belongs to."""

from __future__ import annotations

from typing import Literal

import numpy as np

from ..core.numbers import check_choice
from .decomposition import Decomposition

_AROUND = 1.5  # masses within this factor of a time belong to one structure


def scale_map(
    decomposition: Decomposition, quantity: Literal["time", "length"] = "time"
) -> np.ndarray:
    """For each pixel the scale of the structure that dominates it: its time, or its size.

    The dominating structure is that of the largest response ``|phi(t)|`` per logarithm of time.

    Parameters
    ----------
    decomposition : Decomposition
    quantity : "time" or "length"
        "time": the time of that response. "length": ``ndim * t / c`` with c the contrast that the
        pixel loses around this time (within a factor of 1.5). For a disc, which vanishes at
        ``t = c r / 2``, that is its radius r; for other structures the radius of the disc with the
        same ratio of area to perimeter. It is in the units of ``spacing`` (by default, pixels), and
        at most the longest side of the image. Between structures it tells how far these are apart.

    Returns
    -------
    array of the spatial shape, the image's dtype
        0 where nothing ever changes (a constant image). Coupled channels are combined by their
        Euclidean norm; of separate channels the one with the largest response counts.

    Raises
    ------
    InputError
        Another ``quantity``.
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
    """The scale and the response of the dominating structure of all channels, or of one."""
    nodes, axis = decomposition.nodes, decomposition.channel_axis

    def chosen(planes: np.ndarray) -> np.ndarray:
        """Channels that count, (channels, *space)."""
        planes = planes[None] if axis is None else np.moveaxis(planes, axis, 0)
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
