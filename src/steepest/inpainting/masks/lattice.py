"""A lattice of pixels."""

from __future__ import annotations

from math import ceil, prod
from typing import Any

import numpy as np

from ...core.progress import Callback, Reporter
from .checks import MaskStep, Rng, generator, prepare


def regular(
    image: Any,
    density: float,
    *,
    channel_axis: int | None = None,
    rng: Rng = None,
    on_step: Callback | None = None,
) -> np.ndarray:
    """A lattice, as even as ``max(1, round(density * N))`` pixels on any shape allow.

    Along the first axis the lattice has ``N_0 (n / N)^(1/d)`` slices (rounded; n of N pixels, d
    axes), at the centres of as many equal intervals; the n pixels are shared among the slices, no
    two of which differ by more than one, and each slice is a lattice by the same rule. Where n is
    a power that divides the shape, this is the usual square lattice with spacing
    ``(N / n)^(1/d)``. Of the image only the shape is used. O(N).

    Parameters
    ----------
    image, density, channel_axis, on_step
        As in `random`.
    rng
        Checked and not used: the mask methods share their arguments.

    Returns
    -------
    Boolean array of the spatial shape, True: kept.

    Raises
    ------
    InputError
        Bad image, density, ``rng`` or ``on_step``.
    """
    tell = Reporter(on_step)
    generator(rng)
    values, count = prepare(image, density, channel_axis)
    mask = lattice(values.shape[1:], count)
    tell(MaskStep(1, 1, count, count))
    return mask


def lattice(space: tuple[int, ...], count: int) -> np.ndarray:
    """The Boolean array of `regular` with ``1 <= count <= prod(space)`` pixels."""
    mask = np.zeros(space, dtype=bool)
    _place(mask, count)
    return mask


def _place(part: np.ndarray, count: int) -> None:
    if part.ndim == 1:
        part[_centres(count, len(part))] = True
        return
    length, capacity = len(part), prod(part.shape[1:])
    wanted = round(length * (count / part.size) ** (1 / part.ndim))
    # enough slices to hold the pixels, and no slice without one
    slices = min(max(wanted, ceil(count / capacity), 1), length, count)
    shares = np.diff(np.arange(slices + 1) * count // slices)
    for where, share in zip(_centres(slices, length), shares, strict=True):
        _place(part[where], int(share))


def _centres(count: int, length: int) -> np.ndarray:
    """Middles of ``count`` equal intervals, no two alike for ``count <= length``."""
    return (2 * np.arange(count) + 1) * length // (2 * count)
