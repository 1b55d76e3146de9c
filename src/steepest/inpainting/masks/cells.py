"""The cells of a mask: for each of its pixels, those nearer to it than to the others."""

from __future__ import annotations

import numba as nb
import numpy as np


def worst_pixels(error: np.ndarray, mask: np.ndarray, count: int) -> np.ndarray:
    """The pixels of largest error of the cells of largest total error.

    A cell holds the pixels that a breadth-first search from all mask pixels at once reaches from
    the same one: discrete Voronoi cells for the city-block distance. O(N) and a sort of the cells.

    Parameters
    ----------
    error : array, 1-D to 3-D
        Not negative, zero on the mask.
    mask : Boolean array of the same shape, not empty
    count : int
        Largest number of pixels.

    Returns
    -------
    array of at most ``count`` distinct flat indices, none in the mask, at most one from each cell;
    the worst cell first
    """
    volume = (1, 1, *error.shape)[-3:]
    owners = np.flatnonzero(mask)
    total, worst = _cells(error.reshape(-1), owners, np.array(volume))
    order = np.argsort(-total, kind="stable")
    order = order[worst[order] >= 0]  # cells of one pixel have none to give
    return worst[order[:count]]


@nb.njit(cache=True, nogil=True)
def _cells(error, owners, volume):  # type: ignore[no-untyped-def]
    """Total error of each cell and its worst pixel that is not its owner (-1: there is none)."""
    _, height, width = volume
    cell = np.full(error.size, -1)
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
        x, y, z = place % width, place // width % height, place // (width * height)
        for side in range(6):
            if side == 0 and x > 0:
                other = place - 1
            elif side == 1 and x < width - 1:
                other = place + 1
            elif side == 2 and y > 0:
                other = place - width
            elif side == 3 and y < height - 1:
                other = place + width
            elif side == 4 and z > 0:
                other = place - width * height
            elif side == 5 and z < volume[0] - 1:
                other = place + width * height
            else:
                continue
            if cell[other] < 0:
                cell[other] = mine
                queue[last] = other
                last += 1
                total[mine] += error[other]
                if worst[mine] < 0 or error[other] > error[worst[mine]]:
                    worst[mine] = other
    return total, worst
