"""Small holes: only the boxes around them are solved.

Known pixels separate: an equation that couples pixels up to ``reach`` apart falls into independent
ones where known layers of that width lie between the unknown pixels. So each hole is solved in its
bounding box with ``reach`` known pixels around it. Where that box ends inside the image, its outer
pixels are known, and what happens beyond them does not matter; where it ends at the border of the
image, so does the equation. Holes whose boxes touch are solved together.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numba as nb
import numpy as np

Box = tuple[Any, ...]  # slices

_SHARE = 0.5  # of the image: if the boxes hold more, the image is solved in one piece
_EACH_PIECE = 2000  # pixels, whose solution takes as long as the calls for one more piece
_EACH_BOX = 30  # the same for one more box


@dataclass(frozen=True, eq=False)
class Piece:
    """Boxes of one shape, joined along the first axis: an image with an equation of its own."""

    boxes: tuple[Box, ...]

    def take(self, array: np.ndarray) -> np.ndarray:
        """The pixels of (\\*leading, \\*grid)."""
        parts = [array[(..., *box)] for box in self.boxes]
        return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=-len(self.boxes[0]))

    def put(self, array: np.ndarray, part: np.ndarray) -> None:
        """Write what belongs to the pixels that `take` takes."""
        axis = -len(self.boxes[0])
        for box, own in zip(self.boxes, np.split(part, len(self.boxes), axis), strict=True):
            array[(..., *box)] = own

    @property
    def size(self) -> int:
        """How many pixels it has."""
        return len(self.boxes) * math.prod(s.stop - s.start for s in self.boxes[0])


def whole(shape: tuple[int, ...]) -> list[Piece]:
    """The image in one piece."""
    return [Piece((tuple(slice(0, n) for n in shape),))]


def cut(unknown: np.ndarray, reach: int) -> list[Piece]:
    """Pieces that hold all unknown pixels; the whole image where they would save little.

    Parameters
    ----------
    unknown
        (\\*grid) Boolean, two or three axes.
    reach
        Known pixels that are needed around each hole: unknown pixels that are at most this far
        apart along every axis may be coupled.
    """
    number = int(np.count_nonzero(unknown))
    if not 0 < number <= _SHARE * unknown.size:
        return whole(unknown.shape)
    boxes = _disjoint_boxes(unknown, reach)
    sides = boxes[:, 1] - boxes[:, 0]
    if sides.prod(1).sum() + _EACH_BOX * len(boxes) > _SHARE * unknown.size:
        return whole(unknown.shape)
    # A box at the border of the image reflects there: it has no known pixels to be joined by.
    inside = np.all((boxes[:, 0] > 0) & (boxes[:, 1] < unknown.shape), axis=1)
    groups: dict[Any, list[Box]] = {}
    for k, (first, last) in enumerate(boxes.tolist()):
        box = tuple(slice(a, b) for a, b in zip(first, last, strict=True))
        groups.setdefault(tuple(sides[k]) if inside[k] else k, []).append(box)
    pieces = [Piece(tuple(group)) for group in groups.values()]
    effort = sum(_EACH_PIECE + piece.size + _EACH_BOX * len(piece.boxes) for piece in pieces)
    return pieces if effort <= _SHARE * unknown.size else whole(unknown.shape)


def _disjoint_boxes(unknown: np.ndarray, reach: int) -> np.ndarray:
    """(K, 2, axes): first pixel and the one after the last, of boxes that do not touch."""
    room = np.pad(unknown.reshape((1,) * (3 - unknown.ndim) + unknown.shape), 1)
    sides = np.array(room.shape) - 2
    ones = np.flatnonzero(room)
    boxes = np.empty((len(ones), 2, 3), np.int64)
    boxes = boxes[: _flood(room.reshape(-1), ones, room.shape, boxes)]
    boxes[:, 0] = np.maximum(boxes[:, 0] - reach, 0)
    boxes[:, 1] = np.minimum(boxes[:, 1] + reach, sides)
    count = -1
    while len(boxes) != count:
        count = len(boxes)
        boxes = boxes[np.lexsort(boxes[:, 0].T)]
        boxes = boxes[_merge(boxes)]
    return boxes[:, :, 3 - unknown.ndim :]


@nb.njit(cache=True, nogil=True)
def _merge(boxes: np.ndarray) -> np.ndarray:
    """Let boxes grow over later ones that they touch; which are left. Sorted by the last axis."""
    left = np.ones(len(boxes), np.bool_)
    for i in range(len(boxes)):
        if not left[i]:
            continue
        for j in range(i + 1, len(boxes)):
            if boxes[j, 0, 2] > boxes[i, 1, 2]:
                break
            touch = left[j]
            for axis in range(3):
                touch &= boxes[j, 0, axis] <= boxes[i, 1, axis]
                touch &= boxes[i, 0, axis] <= boxes[j, 1, axis]
            if touch:
                left[j] = False
                for axis in range(3):
                    boxes[i, 0, axis] = min(boxes[i, 0, axis], boxes[j, 0, axis])
                    boxes[i, 1, axis] = max(boxes[i, 1, axis], boxes[j, 1, axis])
    return left


@nb.njit(cache=True, nogil=True)
def _flood(
    room: np.ndarray, ones: np.ndarray, shape: tuple[int, int, int], found: np.ndarray
) -> int:
    """Bounding boxes of the connected sets of ``ones``, which are erased; their number."""
    plane, width = shape[1] * shape[2], shape[2]
    steps = (1, -1, width, -width, plane, -plane)
    stack = np.empty(len(ones), np.int64)
    number = 0
    for start in ones:
        if not room[start]:
            continue
        low_z = low_y = low_x = room.size
        high_z = high_y = high_x = 0
        room[start] = False
        stack[0], top = start, 1
        while top > 0:
            top -= 1
            here = stack[top]
            z, y, x = here // plane - 1, here % plane // width - 1, here % width - 1
            low_z, low_y, low_x = min(low_z, z), min(low_y, y), min(low_x, x)
            high_z, high_y, high_x = max(high_z, z), max(high_y, y), max(high_x, x)
            for step in steps:
                if room[here + step]:
                    room[here + step] = False
                    stack[top] = here + step
                    top += 1
        found[number, 0, 0], found[number, 0, 1], found[number, 0, 2] = low_z, low_y, low_x
        found[number, 1, 0], found[number, 1, 1] = high_z + 1, high_y + 1
        found[number, 1, 2] = high_x + 1
        number += 1
    return number
