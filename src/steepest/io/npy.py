"""NPY files: bare arrays, never pickled objects."""

from __future__ import annotations

from typing import BinaryIO

import numpy as np

from steepest.core.errors import InputError

from .image import Image, arrange, check_pixels, label_axes, restore_order


def read(file: BinaryIO, name: str, stack: str, channel_axis: int | str | None) -> Image:
    """The array of an NPY file."""
    try:
        array = np.load(file, allow_pickle=False)
    except ValueError as error:
        if "pickle" in str(error):
            raise InputError(
                f"{name}: holds Python objects, which are never loaded; allowed are numeric arrays"
            ) from error
        raise
    return from_array(array, name, stack, channel_axis)


def from_array(array: np.ndarray, name: str, stack: str, channel_axis: int | str | None) -> Image:
    """Label the axes of a bare array."""
    stored = label_axes(array.shape, stack, channel_axis, name)
    array, axes = arrange(check_pixels(array, name), stored)
    return Image(np.ascontiguousarray(array), axes, format="npy", stored_axes=stored, name=name)


def write(file: BinaryIO, image: Image) -> None:
    """The array in the order of axes it was read in, transparency as a last channel."""
    if image.alpha is not None:
        array = image.samples()
    else:
        array = restore_order(image.array, image.axes, image.stored_axes)
    np.save(file, np.ascontiguousarray(array), allow_pickle=False)
