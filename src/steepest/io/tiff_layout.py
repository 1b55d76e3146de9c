"""The axes of an image in a TIFF file: pages, planes and samples."""

from __future__ import annotations

import numpy as np

from .image import Image, restore_order


def is_colour(image: Image) -> bool:
    """Whether an image is written as RGB, that is, has three channels not stored as planes."""
    stored = image.stored_axes or image.axes
    return image.channel_axis is not None and image.array.shape[-1] == 3 and stored.endswith("C")


def holds_imagej(image: Image) -> bool:
    """Whether an image from ImageJ can be written in ImageJ format.

    ImageJ does not support float64, RGB with more than 8 bits, or transparency.
    """
    dtype = image.array.dtype.name
    wide = dtype == "float64" or (dtype != "uint8" and is_colour(image))
    return image.metadata.flavour == "imagej" and not wide and image.alpha is None


def layout(image: Image) -> tuple[np.ndarray, str]:
    """Return the array to be written and its axes; "S" is the axis of the samples of a pixel."""
    if image.alpha is not None or is_colour(image):
        return image.samples(), image.axes.removesuffix("C") + "S"
    return _planes(image)


def _planes(image: Image) -> tuple[np.ndarray, str]:
    """Arrange channels as separate planes, in the order of the file or ImageJ, or C before Y."""
    axes, order = image.axes, image.stored_axes
    if holds_imagej(image):
        order = "".join(sorted(axes, key="TZCYX".index))
    if sorted(order) != sorted(axes) or order.endswith("C"):
        order = axes if not axes.endswith("C") else axes[:-1].replace("YX", "CYX")
    return restore_order(image.array, axes, order), order
