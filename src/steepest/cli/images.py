"""Images of another kind than the one that was read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from steepest.io import Image, from_float


def without_copies(image: Image) -> Image:
    """Return the image, or only one channel if all channels are equal (grey saved as colour)."""
    array = image.array
    if image.channel_axis is None or not bool((array == array[..., :1]).all()):
        return image
    stored = image.stored_axes.replace("C", "")
    one = np.ascontiguousarray(array[..., 0])
    return replace(image, array=one, axes=image.axes[:-1], stored_axes=stored)


def without_channels(image: Image, parts: Sequence[np.ndarray] | None = None) -> Image:
    """Return an image of one number per pixel, such as a label, with the pixel size of the image.

    ``parts`` are its pages. Without them it is blank, of whole numbers from 0 to 255.
    """
    axes, stored = image.axes.removesuffix("C"), image.stored_axes.replace("C", "")
    metadata = image.metadata.without_display()
    if parts is None:
        array = np.broadcast_to(np.uint8(0), image.array.shape[: len(axes)])
    else:
        array = np.stack(parts) if axes.startswith("T") else parts[0]
    return replace(image, array=array, axes=axes, stored_axes=stored, alpha=None, metadata=metadata)


def to_kind(image: Image, parts: Sequence[np.ndarray]) -> Image:
    """Return the image with new (float) pixels, converted to the dtype of the image."""
    return image.with_parts([from_float(part, image.array.dtype) for part in parts])
