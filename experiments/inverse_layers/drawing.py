"""Draw labels over their image."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from PIL import Image as Pillow

from steepest.core.errors import InputError
from steepest.core.grey import to_planes
from steepest.core.numbers import check_count, check_number

from .classes import IGNORE

COLOURS = (
    (86, 180, 233),
    (230, 159, 0),
    (0, 158, 115),
    (204, 121, 167),
    (240, 228, 66),
    (213, 94, 0),
    (0, 114, 178),
)
"""Colours of the classes 1, 2, ..; repeated from the eighth class on.

These are the colours of Okabe and Ito, which can be told apart with red-green colour blindness."""

_CENTRE = 0.84  # weight of the centre; a single pixel keeps its square, which is above 1/2
_SHOWN = (0.1, 99.9)  # percentiles of the brightness shown as black and white
_IGNORED = 128  # grey value with which pixels without a label are mixed


def overlay(
    image: np.ndarray,
    labels: np.ndarray,
    num_classes: int,
    *,
    scale: int = 1,
    fill: float = 0.2,
    line: float = 2.0,
    colours: Sequence[Sequence[int]] = COLOURS,
) -> np.ndarray:
    """Fill and outline every class except the background (class 0) in its colour.

    Parameters
    ----------
    image : array (H, W) or (H, W, 3)
        uint8, uint16, bool, or floats in [0, 1]. uint16 and float images are stretched: their 0.1
        and 99.9 percentiles, over all channels together, become black and white.
    labels : integer array (H, W)
        0 .. num_classes - 1; pixels with the label `IGNORE` are greyed.
    num_classes : int
        Number of classes, including the background.
    scale : int
        Factor by which the picture is enlarged. The image is interpolated smoothly; contours are
        as fine as the new pixels.
    fill : float
        Opacity of the fill, 0 to 1.
    line : float
        Width of the contours in pixels of the result; 0: none. Between two classes, the contour has
        the colour of the higher one.
    colours : sequence of (red, green, blue)
        Colours of the classes 1, 2, ..

    Returns
    -------
    uint8 array (scale H, scale W, 3)

    Raises
    ------
    InputError
        If image and labels differ in size, a label is out of range, or the opacity is outside
        [0, 1].
    """
    check_count(scale, "scale")
    if check_number(fill, "fill") > 1:
        raise InputError(f"fill={fill!r}; allowed are numbers from 0 to 1")
    check_number(line, "line")
    planes = _stretched(to_planes(image, 3), np.asarray(image).dtype)
    labels = np.asarray(labels)
    if labels.shape != planes.shape[1:]:
        raise InputError(f"labels of shape {labels.shape} for an image of {planes.shape[1:]}")
    wrong = (labels != IGNORE) & ((labels < 0) | (labels >= num_classes))
    if bool(wrong.any()):
        raise InputError(f"labels contain {labels[wrong][0]}; allowed are 0 to {num_classes - 1}")
    smooth = Pillow.Resampling.BICUBIC
    picture = np.stack([_enlarged(plane, scale, smooth) for plane in planes], axis=-1)
    picture = 255 * np.clip(picture, 0, 1)
    reach = math.ceil(line / 2 + 0.5)
    unknown = _cover(labels == IGNORE, scale)
    picture = _blend(picture, np.full(3, _IGNORED), 0.5 * np.clip(unknown, 0, 1))
    for number in range(1, num_classes):
        inside = labels == number
        if inside.any():
            colour = np.asarray(colours[(number - 1) % len(colours)])
            depth = _depth(_cover(inside, scale), reach)
            picture = _blend(picture, colour, fill * np.clip(depth + 0.5, 0, 1))
            if line > 0:
                ink = np.clip(line / 2 + 0.5 - np.abs(depth), 0, 1)
                picture = _blend(picture, colour, ink)
    return np.rint(picture).astype(np.uint8)


def _stretched(planes: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Stretch the brightness: microscopy images use a small part of 16 bits and would be black."""
    if dtype.kind in "bu" and dtype.itemsize == 1:
        return planes
    low, high = np.percentile(planes, _SHOWN)
    if high <= low:
        return planes
    stretched: np.ndarray = np.clip((planes - low) / (high - low), 0, 1).astype(np.float32)
    return stretched


def _enlarged(plane: np.ndarray, scale: int, how: Pillow.Resampling) -> np.ndarray:
    height, width = plane.shape
    if scale == 1:
        return plane
    return np.asarray(Pillow.fromarray(plane).resize((scale * width, scale * height), how))


def _cover(inside: np.ndarray, scale: int) -> np.ndarray:
    """1 inside, 0 outside, with ramps between them if enlarged; the boundary is at 1/2."""
    cover = inside.astype(np.float32)
    if scale > 1:  # rounds the corners of pixels, but keeps a single pixel above 1/2
        for axis in (0, 1):
            ends = [(1, 1) if a == axis else (0, 0) for a in (0, 1)]
            wide = np.pad(cover, ends, mode="edge")
            before, after = np.delete(wide, (-2, -1), axis), np.delete(wide, (0, 1), axis)
            cover = _CENTRE * cover + (1 - _CENTRE) / 2 * (before + after)
    return _enlarged(cover, scale, Pillow.Resampling.BICUBIC)


def _depth(cover: np.ndarray, reach: int) -> np.ndarray:
    """Distance from the boundary in pixels, positive inside; inexact beyond ``reach``."""
    steep = np.zeros_like(cover)
    for axis in (0, 1):
        step = np.pad(np.abs(np.diff(cover, axis=axis)), [(int(a == axis),) * 2 for a in (0, 1)])
        steep += np.maximum(np.delete(step, -1, axis), np.delete(step, 0, axis)) ** 2
    # Correct to first order where the cover changes; beyond, distance along straight lines.
    near = np.abs(cover - 0.5) / np.maximum(np.sqrt(steep), 1e-6)
    height, width = cover.shape
    around = np.pad(near, reach, constant_values=np.inf)
    distance = near
    for row in range(-reach, reach + 1):
        for column in range(-reach, reach + 1):
            window = around[reach + row :, reach + column :][:height, :width]
            distance = np.minimum(distance, window + np.hypot(row, column))
    return np.copysign(distance, cover - 0.5)


def _blend(picture: np.ndarray, colour: np.ndarray, opacity: np.ndarray) -> np.ndarray:
    mixed: np.ndarray = picture + opacity[..., None] * (colour - picture)
    return mixed
