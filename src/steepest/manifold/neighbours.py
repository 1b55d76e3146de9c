"""Neighbouring points of a manifold-valued image."""

from typing import Any

import numpy as np
from scipy.ndimage import distance_transform_cdt

from ..core.arrays import as_array
from ..core.errors import InputError
from ..core.namespace import detached
from .geometry import as_manifold


def neighbour_distances(image: Any, manifold: Any) -> tuple[np.ndarray, ...]:
    """Return the distances between neighbouring points, one array for each axis of space.

    Entry ``[i, j]`` of the first array of a 2-D image is the distance of the points ``[i, j]`` and
    ``[i + 1, j]``; its shape is ``(H - 1, W)``. For orientations, these are the misorientations in
    radians.

    Parameters
    ----------
    image, manifold
        As in `denoise`.
    """
    array = np.asarray(detached(as_array(image, "image")))
    space_of = as_manifold(manifold, array.shape)
    own = space_of.point_shape
    num_space = array.ndim - len(own)
    if num_space < 1 or array.shape[num_space:] != own:
        raise InputError(f"image of shape {array.shape}; allowed are axes of space before {own}")
    points = space_of.check(np.ascontiguousarray(array, np.float64).reshape(-1, *own), "image")
    points = points.reshape(array.shape)
    found = []
    for axis in range(num_space):
        count = array.shape[axis]
        first, second = points.take(range(count - 1), axis), points.take(range(1, count), axis)
        flat = space_of.distance(first.reshape(-1, *own), second.reshape(-1, *own))
        found.append(flat.reshape(first.shape[:num_space]))
    return tuple(found)


def nearest_known(known: np.ndarray) -> np.ndarray:
    """The index of the known pixel that is the fewest steps between neighbours away (n,)."""
    at = distance_transform_cdt(~known, "taxicab", return_distances=False, return_indices=True)
    return np.ravel_multi_index(tuple(at), known.shape).ravel()
