"""From bytes to an image."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.arrays import Layout
from ..core.errors import InputError
from ..core.numbers import check_count
from . import streams
from .container import MAX_PIXELS, Header, read
from .filling import fill


def decompress(data: Any, *, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """The image of a compressed one: its known pixels, and diffusion between them.

    Parameters
    ----------
    data : bytes
        What `compress` returned.
    max_pixels : int
        Most pixels times channels that the image may have. Memory grows with them, whatever the
        file says: 200 to 300 bytes for each.

    Returns
    -------
    ndarray
        Shape and dtype of the image that was compressed.

    Raises
    ------
    InputError
        Not a compressed image, truncated or altered, of a later version, or too large.

    Notes
    -----
    Mask and values are the same on every machine. The image between them is so up to the tolerance
    of the solver: a pixel may be rounded differently.
    """
    header, mask, values = known_pixels(data, max_pixels=max_pixels)
    return reconstruct(header, mask, values)


def read_header(data: Any, *, max_pixels: int = MAX_PIXELS) -> Header:
    """Shape, kind, known pixels and levels of a compressed image, without decoding it.

    Raises
    ------
    InputError
        As `decompress`.
    """
    return read(_as_bytes(data), check_count(max_pixels, "max_pixels"))[0]


def known_pixels(
    data: Any, *, max_pixels: int = MAX_PIXELS
) -> tuple[Header, np.ndarray, np.ndarray]:
    """Header, mask (\\*space) and levels (channels, number of known pixels) of a compressed image.

    Raises
    ------
    InputError
        As `decompress`.
    """
    header, code = read(_as_bytes(data), check_count(max_pixels, "max_pixels"))
    mask, levels = streams.decode(code, header.grid, header.count, header.channels, header.levels)
    return header, mask.reshape(header.space), levels


def reconstruct(header: Header, mask: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """The image between known pixels, as the user had it."""
    values = np.zeros((header.channels, *header.space))
    values[:, mask] = levels / (header.levels - 1)
    filled = np.clip(fill(values, mask), 0, 1)
    dtype = np.dtype(header.dtype)
    layout = Layout(dtype, header.channel_axis, ())
    if dtype.kind == "f":
        # weighted ends: a difference of the two could overflow
        filled = (1 - filled) * header.low + filled * header.high
    return np.ascontiguousarray(layout.restore(filled).astype(dtype, copy=False))


def _as_bytes(data: Any) -> bytes:
    if not isinstance(data, (bytes, bytearray, memoryview)):
        raise InputError(f"data={type(data).__name__}; allowed are bytes")
    return bytes(data)
