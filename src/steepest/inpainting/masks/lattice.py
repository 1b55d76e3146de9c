"""Masks that depend on the shape of the image only: random pixels and lattices."""

from math import ceil, prod
from typing import Any

import numpy as np

from ...flows.options import takes_options_of
from .checks import check_request


@takes_options_of(check_request)
def random(image: Any, density: float, **options: Any) -> np.ndarray:
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
    """
    request = check_request(image, density, **options)
    mask = np.zeros(request.space, dtype=bool)
    mask.reshape(-1)[request.random.permutation(mask.size)[: request.count]] = True
    return request.finish(mask)


@takes_options_of(check_request)
def regular(image: Any, density: float, **options: Any) -> np.ndarray:
    """Choose a lattice of ``max(1, round(density * N))`` pixels, as even as the shape allows.

    With n of the N pixels to keep and d axes, the lattice has ``N_0 (n / N)^(1/d)`` slices
    (rounded) along the first axis, at the centres of as many equal intervals. The n pixels are
    distributed over the slices, with counts that differ by at most one, and each slice is a lattice
    by the same rule. If n is a power that divides the shape, this is the usual square lattice with
    spacing ``(N / n)^(1/d)``. Only the shape of the image is used. The cost is O(N). Arguments,
    result and errors are those of `random`; ``rng`` is not used.
    """
    request = check_request(image, density, **options)
    return request.finish(lattice(request.space, request.count))


def lattice(space: tuple[int, ...], count: int) -> np.ndarray:
    """Return the mask of `regular` with ``count`` pixels, where ``1 <= count <= prod(space)``."""
    mask = np.zeros(space, dtype=bool)
    _place(mask, count)
    return mask


def _place(part: np.ndarray, count: int) -> None:
    if part.ndim == 1:
        part[_centres(count, len(part))] = True
        return
    length, capacity = len(part), prod(part.shape[1:])
    wanted = round(length * (count / part.size) ** (1 / part.ndim))
    # Enough slices to hold the pixels, but no empty slice.
    slices = min(max(wanted, ceil(count / capacity), 1), length, count)
    shares = np.diff(np.arange(slices + 1) * count // slices)
    for where, share in zip(_centres(slices, length), shares, strict=True):
        _place(part[where], int(share))


def _centres(count: int, length: int) -> np.ndarray:
    """Return the centres of ``count`` equal intervals, all distinct if ``count <= length``."""
    return (2 * np.arange(count) + 1) * length // (2 * count)
