"""Small holes, which are solved in their bounding boxes only.

Known pixels separate holes: if the equation of a pixel reads only pixels up to ``radius`` away,
then holes that are farther apart are independent. Each hole is therefore solved in its bounding
box, extended by ``radius`` pixels. Pixels of other holes in this box count as known, because no
equation reads them. Where the box ends inside the image, its outer pixels are known, and the
pixels beyond them do not matter. Where the box ends at the image border, the equation ends there,
too.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

Box = tuple[Any, ...]  # slices

_SHARE = 0.5  # if the boxes hold more than this share of the image, it is solved as a whole
_EACH_GROUP = 2000  # overhead of a group, as the number of pixels solved in the same time
_EACH_BOX = 30  # the same for a box


@dataclass(frozen=True, eq=False)
class HoleGroup:
    """Holes in boxes of one shape, joined along the first axis; ``own`` is True where to solve."""

    boxes: tuple[Box, ...]
    own: np.ndarray

    def take(self, array: np.ndarray) -> np.ndarray:
        """Return the pixels of the boxes from (\\*leading, \\*grid)."""
        parts = [array[(..., *box)] for box in self.boxes]
        return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=-self.own.ndim)

    def put(self, array: np.ndarray, part: np.ndarray) -> None:
        """Write the pixels where ``own`` is True from ``part``, an array as `take` returns it."""
        count, axis = len(self.boxes), -self.own.ndim
        parts, masks = np.split(part, count, axis), np.split(self.own, count)
        for box, values, own in zip(self.boxes, parts, masks, strict=True):
            np.copyto(array[(..., *box)], values, where=own)


def one_group(unknown: np.ndarray) -> list[HoleGroup]:
    """Return the whole image as one group."""
    return [HoleGroup((tuple(slice(0, n) for n in unknown.shape),), unknown)]


def group_holes(unknown: np.ndarray, radius: int) -> list[HoleGroup]:
    """Return groups of all ``unknown`` pixels, whose equations read up to ``radius`` away."""
    most = _SHARE * unknown.size
    if not 0 < np.count_nonzero(unknown) <= most:
        return one_group(unknown)
    labels, boxes = _components(unknown, radius)
    sides = boxes[:, 1] - boxes[:, 0]
    effort = sides.prod(1).sum() + _EACH_BOX * len(boxes)
    if effort > most:
        return one_group(unknown)
    # A box at the image border reflects there: it has no known pixels to join it to another box.
    inside = np.all((boxes[:, 0] > 0) & (boxes[:, 1] < unknown.shape), axis=1)
    groups: dict[Any, list[int]] = {}
    for k, size in enumerate(sides.tolist()):
        groups.setdefault(tuple(size) if inside[k] else k, []).append(k)
    if effort + _EACH_GROUP * len(groups) > most:
        return one_group(unknown)
    found = []
    for group in groups.values():
        ends = boxes[group].tolist()
        own = [tuple(slice(a, b) for a, b in zip(*end, strict=True)) for end in ends]
        masks = [labels[box] == k + 1 for k, box in zip(group, own, strict=True)]
        found.append(HoleGroup(tuple(own), np.concatenate(masks)))
    return found


def _components(unknown: np.ndarray, radius: int) -> tuple[np.ndarray, np.ndarray]:
    """Label the holes from 1, and return their boxes (K, 2, axes) with ``radius`` pixels around."""
    from scipy.ndimage import label  # sparse masks, which have one hole, do not wait for it

    places = np.unravel_index(np.flatnonzero(unknown), unknown.shape)  # faster than np.nonzero
    window = tuple(slice(place.min(), place.max() + 1) for place in places)
    grown = unknown[window].copy()  # each unknown pixel becomes a cube of radius + 1 pixels a side
    for axis in range(unknown.ndim):
        lines, width = np.moveaxis(grown, axis, 0), 1
        while width <= radius:
            step = min(width, radius + 1 - width)
            lines[step:] |= lines[:-step]
            width += step
    numbers, count = label(grown)  # also joins some at a distance of radius + 1
    labels = np.zeros(unknown.shape, np.int32)
    np.multiply(numbers, unknown[window], out=labels[window])
    own = labels[places]
    boxes = np.zeros((count + 1, 2, unknown.ndim), np.int64)
    for axis, (place, size) in enumerate(zip(places, unknown.shape, strict=True)):
        boxes[:, 0, axis] = size
        np.minimum.at(boxes[:, 0, axis], own, np.maximum(place - radius, 0))
        np.maximum.at(boxes[:, 1, axis], own, np.minimum(place + radius + 1, size))
    return labels, boxes[1:]
