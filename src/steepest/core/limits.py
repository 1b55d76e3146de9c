"""Limits on the number of pixels that a file may request."""

from collections.abc import Iterable
from math import prod

from .errors import InputError

MAX_PIXELS = 1 << 27
"""Default limit on pixels times channels of a file: 44 megapixels in colour, or 512^3 voxels."""


def check_size(shape: Iterable[int], max_pixels: int, name: str) -> int:
    """Return the product of ``shape``, if at most ``max_pixels``; call this before allocating."""
    size = prod(map(int, shape))
    if size > max_pixels:
        raise InputError(
            f"{name} holds {size} pixels (times channels); allowed are max_pixels={max_pixels}"
        )
    return size
