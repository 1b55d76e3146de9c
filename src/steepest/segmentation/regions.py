"""The connected objects of a segmentation, their areas, and how far these may be off."""

import math
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import center_of_mass, find_objects, label, maximum

from ..core.errors import InputError
from ..core.numbers import check_count, check_number
from .result import Segmentation

_MOST = 254  # largest label


@dataclass(frozen=True, eq=False)
class Regions:
    """Numbered objects of an image: those of a segmentation, or those that are found in it.

    Attributes
    ----------
    labels : int32 array (\\*space)
        The number of the object at each pixel, from 1; 0 in the background.
    table : structured array (objects,)
        Sorted by number, see `regions` and `find_objects`.
    """

    labels: np.ndarray
    table: np.ndarray

    def __len__(self) -> int:
        return len(self.table)


def regions(result: Segmentation, *, pixel_size: float = 1.0, background: int = 0) -> Regions:
    """Measure the connected objects of a segmentation, with bounds on their areas.

    An object is a connected set of pixels with the same label, other than that of the background;
    pixels that share a face are connected. ``skimage.measure.regionprops(regions(result).labels)``
    measures the same objects in other ways.

    Parameters
    ----------
    result : Segmentation
    pixel_size : float
        Length of one unit of ``spacing`` (by default, of one pixel), for example in micrometres.
    background : int
        The label of the background. With two classes, give 1 for dark objects.

    Returns
    -------
    Regions
        The ``table`` has the fields

        label : int
            The number of the object, in the order of the first pixels of the objects of a class.
        class : int
            The label of its pixels in the segmentation.
        area : float
            Area (the volume in 3-D, the length in 1-D), in units of ``pixel_size``.
        area_certain, area_possible : float
            The area of this object in any exact minimiser lies between the two: from the largest
            connected part whose pixels are certain, to all pixels of this class that are connected
            to it and not ruled out. If no pixel is certain,
            ``area_certain`` is 0: the object may not exist. Where doubtful pixels connect two
            objects, ``area_possible`` is that of both together.
        border : bool
            Whether the object touches the border of the image, which may cut it off.
        bbox : int (2 * ndim,)
            First pixel along each axis, then one more than the last, as in `regionprops`.
        centroid : float (ndim,)
            Mean position in pixels, counted from 0.
    """
    if not isinstance(result, Segmentation):
        raise InputError(
            f"result is of type {type(result).__name__}; allowed is a Segmentation, such as "
            "threshold_rof returns (for arrays of labels, see skimage.measure.regionprops)"
        )
    pixel_size = check_number(pixel_size, "pixel_size", positive=True)
    background = check_count(background, "background", least=0, most=_MOST)
    unit = math.prod(h * pixel_size for h in result.spacing)
    shape = result.labels.shape
    labels, rows = np.zeros(shape, np.int32), [_table(0, len(shape))]
    for k in range(result.thresholds.size + 1):
        if k == background:
            continue
        own, count = label(result.labels == k)
        if not count:
            continue
        possible, _ = label((result.lowest <= k) & (k <= result.highest))
        core, _ = label((result.labels == k) & result.certain)
        table = _table(count, len(shape))
        measure_places(own, table)
        table["class"] = k
        table["area"] = np.bincount(own.ravel(), minlength=count + 1)[1:] * unit
        table["area_certain"] = _largest(own, core, table) * unit
        table["area_possible"] = _largest(own, possible, table) * unit
        table["label"] += labels.max()
        labels[own > 0] = own[own > 0] + labels.max()
        rows.append(table)
    return Regions(labels, np.concatenate(rows))


def _table(count: int, ndim: int) -> np.ndarray:
    kind = [
        ("label", "i4"), ("class", "i4"), ("area", "f8"), ("area_certain", "f8"),
        ("area_possible", "f8"), ("border", "?"), ("bbox", "i4", (2 * ndim,)),
        ("centroid", "f8", (ndim,)),
    ]  # fmt: skip
    return np.zeros(count, kind)


def measure_places(own: np.ndarray, table: np.ndarray) -> None:
    """Enter the numbers, positions and extents of the objects 1, 2, .. into their table."""
    count = len(table)
    if not count:
        return
    table["label"] = np.arange(1, count + 1)
    boxes = np.array([[(s.start, s.stop) for s in box] for box in find_objects(own)])
    table["bbox"] = boxes.swapaxes(1, 2).reshape(count, -1)
    table["border"] = ((boxes[..., 0] == 0) | (boxes[..., 1] == own.shape)).any(1)
    table["centroid"] = center_of_mass(own > 0, own, table["label"])


def _largest(own: np.ndarray, parts: np.ndarray, table: np.ndarray) -> np.ndarray:
    """The number of pixels of the largest of the parts that each object meets."""
    sizes = np.bincount(parts.ravel())
    sizes[0] = 0
    return np.asarray(maximum(sizes[parts], own, table["label"]))
