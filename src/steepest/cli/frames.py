"""Frames of a motion: several images, or the pages of one file, in grey."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from steepest.core.errors import InputError
from steepest.core.grey import LUMA
from steepest.io import Image

from . import choices

if TYPE_CHECKING:
    from .runner import Item


def names_of(images: tuple[str, ...]) -> list[str]:
    """The files that the words name, in their order."""
    return [each.name for each in choices.Reading().sources(images)]


def read_frames(
    item: Item, reading: choices.FileReading, names: list[str]
) -> tuple[Image, list[np.ndarray]]:
    """The first file, and the frames of all files.

    Raises `InputError` if there are fewer than two.
    """
    image = item.read(reading, prepare=grey_pages, kept=False)
    frames = [*image.parts, *(p for n in names[1:] for p in grey_pages(reading.read(n)).parts)]
    if len(frames) < 2:
        raise InputError(f"{image.name}: one image; at least two frames of one size are needed")
    return image, frames


def grey_pages(image: Image) -> Image:
    """A 2-D image or a series of them, in grey.

    Raises `InputError` for 1-D signals.
    """
    image = image.without_copies()
    array, axes = image.array, image.axes.replace("Z", "T")
    if axes.endswith("C"):
        if array.shape[-1] != 3:
            raise InputError(f"{image.name}: {array.shape[-1]} channels; allowed are grey and RGB")
        top = float(np.iinfo(array.dtype).max) if array.dtype.kind == "u" else 1.0
        array, axes = (array / top @ np.array(LUMA)).astype(np.float32), axes[:-1]
    if axes not in ("YX", "TYX"):
        raise InputError(f"{image.name}: has axes {image.axes}; images are needed")
    return replace(image, array=array, axes=axes, stored_axes=axes, alpha=None)
