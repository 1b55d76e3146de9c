"""Decompression: from bytes to an image."""

from typing import Any

import numpy as np

from ..core.arrays import Layout
from ..core.errors import InputError
from ..core.numbers import check_count
from . import streams
from .container import MAX_PIXELS, Header, read
from .filling import fill


def decompress(data: Any, *, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """Decompress an image: decode the known pixels and fill in the rest by diffusion.

    Parameters
    ----------
    data : bytes
        The result of `compress`.
    max_pixels : int
        The largest number of pixels times channels to accept. Decoding takes 200 to 300 bytes of
        memory for each, and a small file can describe a large image.

    Returns
    -------
    ndarray
        An image of the shape and dtype that was compressed (float16 images are returned as
        float32).

    Raises
    ------
    InputError
        If the data are not a compressed image, are truncated or altered, have another version, or
        the image is too large.

    Notes
    -----
    Mask and values are the same on every machine. The image between the known pixels is the same up
    to the tolerance of the solver, so a pixel may be rounded differently.
    """
    header, mask, values = known_pixels(data, max_pixels=max_pixels)
    return reconstruct(header, mask, values)


def read_header(data: Any, *, max_pixels: int = MAX_PIXELS) -> Header:
    """Read the shape, dtype, number of known pixels and levels of a compressed image.

    This does not decode the image. Parameters and errors are those of `decompress`.
    """
    return read(_as_bytes(data), check_count(max_pixels, "max_pixels"))[0]


def known_pixels(
    data: Any, *, max_pixels: int = MAX_PIXELS
) -> tuple[Header, np.ndarray, np.ndarray]:
    """Decode the known pixels of a compressed image, without filling in the rest.

    Parameters and errors are those of `decompress`.

    Returns
    -------
    header : Header
    mask : Boolean array (\\*space)
        True at the known pixels.
    levels : integer array (channels, number of known pixels)
        The level of each known pixel, in raster order, from 0 to ``header.levels - 1``.
    """
    header, code = read(_as_bytes(data), check_count(max_pixels, "max_pixels"))
    mask, levels = streams.decode(code, header.grid, header.count, header.channels, header.levels)
    return header, mask.reshape(header.space), levels


def reconstruct(header: Header, mask: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """The image filled in from the known pixels, with its original dtype and axes."""
    values = np.zeros((header.channels, *header.space))
    values[:, mask] = levels / (header.levels - 1)
    filled = np.clip(fill(values, mask), 0, 1)
    dtype = np.dtype(header.dtype)
    layout = Layout(dtype, header.channel_axis, ())
    if dtype.kind == "f":
        # a weighted sum, because high - low could overflow
        filled = (1 - filled) * header.low + filled * header.high
    return np.ascontiguousarray(layout.restore(filled).astype(dtype, copy=False))


def _as_bytes(data: Any) -> bytes:
    if not isinstance(data, (bytes, bytearray, memoryview)):
        raise InputError(f"data={type(data).__name__}; allowed is bytes")
    return bytes(data)
