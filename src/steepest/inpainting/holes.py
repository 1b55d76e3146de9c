"""Small holes, which are solved in their bounding boxes only.

Known pixels separate holes: if the equation of a pixel reads only pixels up to ``reach`` away,
then holes that are farther apart are independent. Each hole is therefore solved in its bounding
box, extended by ``reach`` pixels. Pixels of other holes in this box count as known, because no
equation reads them. Where the box ends inside the image, its outer pixels are known, and the
pixels beyond them do not matter. Where the box ends at the image border, the equation ends there,
too.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from ..core.compiled import exact_kernel

Box = tuple[Any, ...]  # slices

_SHARE = 0.5  # if the boxes hold more than this share of the image, it is solved in one piece
_EACH_PIECE = 2000  # overhead of a piece, as the number of pixels solved in the same time
_EACH_BOX = 30  # the same for a box


@dataclass(frozen=True, eq=False)
class Piece:
    """Boxes of one shape, joined along the first axis: an image with its own equation.

    ``own`` is True at the unknown pixels to solve for.
    """

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


def whole(unknown: np.ndarray) -> list[Piece]:
    """Return the image as one piece."""
    return [Piece((tuple(slice(0, n) for n in unknown.shape),), unknown)]


def cut(unknown: np.ndarray, reach: int) -> list[Piece]:
    """Return pieces that hold all unknown pixels, or the whole image if they would save little.

    Parameters
    ----------
    unknown
        (\\*grid) Boolean, two or three axes.
    reach
        Distance, along every axis, up to which the equation of a pixel reads other pixels.
    """
    most = _SHARE * unknown.size
    if not 0 < np.count_nonzero(unknown) <= most:
        return whole(unknown)
    labels, boxes = _components(unknown, reach)
    sides = boxes[:, 1] - boxes[:, 0]
    effort = sides.prod(1).sum() + _EACH_BOX * len(boxes)
    if effort > most:
        return whole(unknown)
    # A box at the image border reflects there: it has no known pixels to join it to another box.
    inside = np.all((boxes[:, 0] > 0) & (boxes[:, 1] < unknown.shape), axis=1)
    groups: dict[Any, list[int]] = {}
    for k, size in enumerate(sides.tolist()):
        groups.setdefault(tuple(size) if inside[k] else k, []).append(k)
    if effort + _EACH_PIECE * len(groups) > most:
        return whole(unknown)
    pieces = []
    for group in groups.values():
        ends = boxes[group].tolist()
        own = [tuple(slice(a, b) for a, b in zip(*end, strict=True)) for end in ends]
        masks = [labels[box] == k + 1 for k, box in zip(group, own, strict=True)]
        pieces.append(Piece(tuple(own), np.concatenate(masks)))
    return pieces


def _components(unknown: np.ndarray, reach: int) -> tuple[np.ndarray, np.ndarray]:
    """Label the holes from 1 in (\\*grid), and return their boxes extended by ``reach`` pixels.

    Boxes are (K, 2, axes): the first pixel and the one after the last.
    """
    shape = np.array((1,) * (3 - unknown.ndim) + unknown.shape)
    labels = np.zeros(shape + 2 * reach, np.int32)
    inside = labels[(slice(reach, -reach),) * 3]
    places = np.unravel_index(np.flatnonzero(unknown), tuple(shape))
    ones = np.ravel_multi_index(tuple(p + reach for p in places), labels.shape)
    labels.reshape(-1)[ones] = -1
    around = [range(-reach, reach + 1) if n > 1 else range(1) for n in shape]
    steps = np.array(list(product(*around))) @ (np.array(labels.strides) // labels.itemsize)
    boxes = np.empty((len(ones), 2, 3), np.int64)
    boxes = boxes[: _flood(labels.reshape(-1), ones, steps, labels.shape, boxes)] - reach
    boxes[:, 0] = np.maximum(boxes[:, 0] - reach, 0)
    boxes[:, 1] = np.minimum(boxes[:, 1] + reach, shape)
    return inside.reshape(unknown.shape), boxes[:, :, 3 - unknown.ndim :]


@exact_kernel
def _flood(
    labels: np.ndarray,
    ones: np.ndarray,
    steps: np.ndarray,
    shape: tuple[int, int, int],
    found: np.ndarray,
) -> int:
    """Label the sets of pixels that ``steps`` connect, find their boxes and return their count."""
    plane, width = shape[1] * shape[2], shape[2]
    stack = np.empty(len(ones), np.int64)
    number = 0
    for start in ones:
        if labels[start] > 0:
            continue
        low_z = low_y = low_x = labels.size
        high_z = high_y = high_x = 0
        number += 1
        labels[start] = number
        stack[0], top = start, 1
        while top > 0:
            top -= 1
            here = stack[top]
            z, y, x = here // plane, here % plane // width, here % width
            low_z, low_y, low_x = min(low_z, z), min(low_y, y), min(low_x, x)
            high_z, high_y, high_x = max(high_z, z), max(high_y, y), max(high_x, x)
            for step in steps:
                if labels[here + step] < 0:
                    labels[here + step] = number
                    stack[top] = here + step
                    top += 1
        box = found[number - 1]
        box[0, 0], box[0, 1], box[0, 2] = low_z, low_y, low_x
        box[1, 0], box[1, 1], box[1, 2] = high_z + 1, high_y + 1, high_x + 1
    return number
