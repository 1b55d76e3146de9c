"""NPY files: plain arrays, never pickled objects."""

import os
from typing import BinaryIO

import numpy as np

from steepest.core.errors import InputError
from steepest.core.limits import check_size

from .image import ANY, Image, Request, assemble, label_axes, restore_order


def read(file: BinaryIO, name: str, request: Request) -> Image:
    """Read an NPY file."""
    request.choose(["image"], name)
    return from_array(load(file, name, request.max_pixels), name, request)


def load(file: BinaryIO, name: str, max_pixels: int) -> np.ndarray:
    """Load the array as stored; Python objects, too many numbers and cut files are refused."""
    version = np.lib.format.read_magic(file)
    header = {1: np.lib.format.read_array_header_1_0, 2: np.lib.format.read_array_header_2_0}
    shape, _, dtype = header[min(version[0], 2)](file)
    if dtype.hasobject:
        raise InputError(
            f"{name}: holds Python objects, which are never loaded; allowed are numeric arrays"
        )
    needed = check_size(shape, max_pixels, f"{name}:") * dtype.itemsize
    start = file.tell()
    held = file.seek(0, os.SEEK_END) - start
    if needed > held:
        raise InputError(
            f"{name}: damaged: shape {shape} of {dtype} takes {needed} bytes, the file holds "
            f"{held}; it was cut short"
        )
    file.seek(0)
    array: np.ndarray = np.load(file, allow_pickle=False)
    return array


def from_array(array: np.ndarray, name: str, request: Request = ANY) -> Image:
    """Create an image from a plain array by labelling its axes."""
    axes = label_axes(array.shape, request.stack, request.channel_axis, name)
    return assemble(array, axes, name, "npy")


def write(file: BinaryIO, image: Image) -> None:
    """Write the array with its axes in the stored order, and transparency as the last channel."""
    array = image.samples()
    if image.alpha is None:
        array = restore_order(array, image.axes, image.stored_axes)
    np.save(file, np.ascontiguousarray(array), allow_pickle=False)
