"""Frames of a motion: several images, the pages of one file, or a video; in grey or in colour."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from steepest.core.errors import InputError
from steepest.core.grey import brightness
from steepest.core.numbers import counted
from steepest.core.status import Status
from steepest.io import Image

from . import choices
from .runner import Item


def names_of(images: tuple[str, ...]) -> list[str]:
    """The files that the words name, in their order."""
    return [each.name for each in choices.Reading().sources(images)]


def read_frames(
    item: Item, reading: choices.FileReading, names: list[str], *, colour: bool = False
) -> tuple[Image, list[np.ndarray]]:
    """The first file, and the frames of all files, at least two, in grey unless ``colour``."""

    def prepare(image: Image) -> Image:
        return series_of(image) if colour else grey_pages(image)

    image = item.read(reading, prepare=prepare, kept=False)
    frames = [*image.parts, *(p for n in names[1:] for p in prepare(reading.read(n)).parts)]
    if len(frames) < 2:
        raise InputError(f"{image.name}: one image; at least two frames of one size are needed")
    return image, frames


def series_of(image: Image) -> Image:
    """A 2-D image or a series of them, in grey or RGB; `InputError` for others."""
    image = image.without_copies()
    axes = image.axes.replace("Z", "T")
    if axes.endswith("C") and image.array.shape[-1] != 3:
        raise InputError(
            f"{image.name}: {image.array.shape[-1]} channels; allowed are grey and RGB"
        )
    if axes.removesuffix("C") not in ("YX", "TYX"):
        raise InputError(f"{image.name}: has axes {image.axes}; images are needed")
    return replace(image, axes=axes, stored_axes=axes, alpha=None)


def grey_pages(image: Image) -> Image:
    """A 2-D image or a series of them, in grey; `InputError` for others."""
    image = series_of(image)
    if not image.axes.endswith("C"):
        return image
    array, axes = brightness(image.array, -1).astype(np.float32), image.axes[:-1]
    return replace(image, array=array, axes=axes, stored_axes=axes)


def series_like(image: Image, frames: np.ndarray) -> Image:
    """A series of frames with the metadata of an image."""
    axes = "TYX" + "C" * (image.channel_axis is not None)
    return replace(image, axes=axes, stored_axes=axes, array=frames)


def report_folds(item: Item, folds: int | Sequence[int], status: Status) -> None:
    """Report how many triangles the motion turns over, in all or in each frame, and the status."""
    item.report("folds", counted(int(np.sum(folds)), "triangle"), folds=folds)
    item.status = status
    item.report("status", str(status), status=str(status))
