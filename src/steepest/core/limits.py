"""How many pixels a file may ask for."""

from __future__ import annotations

from collections.abc import Iterable
from math import prod

from .errors import InputError

MAX_PIXELS = 1 << 27
"""Pixels times channels of a file, unless told otherwise: 44 megapixels in colour, 512^3 voxels."""


def check_size(shape: Iterable[int], max_pixels: int, name: str) -> int:
    """The product of ``shape``, at most ``max_pixels``: asked before anything is allocated."""
    size = prod(map(int, shape))
    if size > max_pixels:
        raise InputError(
            f"{name} holds {size} pixels (times channels); allowed are max_pixels={max_pixels}"
        )
    return size
