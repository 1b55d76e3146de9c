"""A first guess of large displacements: whole pixels, by correlation of blocks."""

import numpy as np
from scipy import ndimage
from scipy.signal import fftconvolve

_HALF = 16  # half the side of a block, in pixels
_STEP = 24  # between blocks
_ALIKE = 0.5  # least correlation of a block that counts


def block_shifts(first: np.ndarray, second: np.ndarray, most: int) -> np.ndarray:
    """The displacement (2, H, W) from one normalised image to another, of up to ``most`` pixels.

    The median of nine blocks is interpolated linearly; blocks that are not found, such as those
    without texture, take the displacement of the nearest one that is.
    """
    shape = first.shape
    around = np.pad(second, _HALF + most)
    block = np.pad(first, _HALF)
    places = [np.arange(min(_STEP // 2, n // 2), n, _STEP) for n in shape]
    found = np.zeros((2, *(len(each) for each in places)))
    alike = np.zeros(found.shape[1:], bool)
    side = 2 * _HALF + 1
    for i, y in enumerate(places[0]):
        for j, x in enumerate(places[1]):
            template = block[y : y + side, x : x + side]
            window = around[y : y + side + 2 * most, x : x + side + 2 * most]
            score = fftconvolve(window, template[::-1, ::-1], mode="valid")
            best = np.unravel_index(int(score.argmax()), score.shape)
            found[:, i, j] = np.array(best) - most
            square = float((template * template).sum())
            alike[i, j] = square > 0 and score[best] > _ALIKE * square
    if not alike.any():
        return np.zeros((2, *shape), np.float32)
    nearest = ndimage.distance_transform_edt(~alike, return_distances=False, return_indices=True)
    found = ndimage.median_filter(found[:, *nearest], (1, 3, 3), mode="nearest")
    at = np.meshgrid(
        *((np.arange(n) - each[0]) / _STEP for n, each in zip(shape, places, strict=True)),
        indexing="ij",
    )
    fields = [ndimage.map_coordinates(each, at, order=1, mode="nearest") for each in found]
    return np.stack(fields).astype(np.float32)
