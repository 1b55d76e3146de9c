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
    owners = np.flatnonzero(mask)
    total, worst = _cells(error.reshape(-1), owners, np.array(volume))
    order = np.argsort(-total, kind="stable")
    order = order[worst[order] >= 0]  # cells of one pixel have no other pixel
    return worst[order[:count]]


@exact_kernel
def _cells(error, owners, volume):  # type: ignore[no-untyped-def]
    """Return the total error of each cell and its worst pixel other than its owner (-1 if none)."""
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
