"""The cells of a mask: for each mask pixel, the pixels nearest to it."""

from __future__ import annotations

import numpy as np

from ...core.compiled import exact_kernel


def worst_pixels(error: np.ndarray, mask: np.ndarray, count: int) -> np.ndarray:
    """Find the pixel with the largest error in each of the cells with the largest total error.

    A breadth-first search starts from all mask pixels at once. A cell is the set of pixels that it
    reaches from the same mask pixel: a discrete Voronoi cell for the city-block distance. The cost
    is O(N) and a sort of the cells.

    ``error``, 1-D to 3-D, is not negative and is zero on the ``mask``, which has the same shape and
    at least one pixel. Returns at most ``count`` distinct flat indices, none in the mask and at
    most one from each cell, starting with the worst cell.
    """
    volume = (1, 1, *error.shape)[-3:]
    padded = np.pad(error.reshape(volume), 1)
    fresh = np.full(volume, -1, np.int32)  # not reached yet; -2 is outside
    cell = np.pad(fresh, 1, constant_values=-2)
    owners = np.flatnonzero(np.pad(mask.reshape(volume), 1))
    total, worst = _cells(padded.reshape(-1), cell.reshape(-1), owners, padded.shape)
    order = np.argsort(-total, kind="stable")
    order = order[worst[order] >= 0]  # cells of one pixel have no other pixel
    places = np.unravel_index(worst[order[:count]], padded.shape)
    return np.ravel_multi_index(tuple(place - 1 for place in places), volume)


@exact_kernel
def _cells(error, cell, owners, shape):  # type: ignore[no-untyped-def]
    """Return the total error of each cell and its worst pixel other than its owner (-1 if none)."""
    width, plane = shape[2], shape[1] * shape[2]
    steps = (-1, 1, -width, width, -plane, plane)
    queue = np.empty(error.size, dtype=np.int64)
    total = np.zeros(len(owners))
    worst = np.full(len(owners), -1)
    for k in range(len(owners)):
        cell[owners[k]] = k
        queue[k] = owners[k]
    first, last = 0, len(owners)
    while first < last:
        place = queue[first]
        first += 1
        mine = cell[place]
        for step in steps:
            other = place + step
            if cell[other] == -1:
                cell[other] = mine
                queue[last] = other
                last += 1
                total[mine] += error[other]
                if worst[mine] < 0 or error[other] > error[worst[mine]]:
                    worst[mine] = other
    return total, worst
