"""Masks with palettes: one number must have one colour in all of them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from steepest.core.errors import InputError

_Colour = tuple[int, ...]


def check_palettes(masks: Iterable[tuple[Path, np.ndarray | None, np.ndarray]]) -> None:
    """Refuse masks in which a number means different things, as far as their colours tell.

    Parameters
    ----------
    masks : (path, colours, numbers) of each
        ``colours[k]`` (red, green, blue) is the colour of number k, None without a palette;
        ``numbers`` are those in the mask. Colours of numbers that a mask does not hold may be any.

    Raises
    ------
    InputError
        Two masks give a number different colours; the message names both.
    """
    first: dict[int, tuple[_Colour, Path]] = {}
    for path, colours, numbers in masks:
        if colours is None:
            continue
        for number in map(int, numbers):
            if number >= len(colours):
                continue
            colour = tuple(int(part) for part in colours[number])
            known, where = first.setdefault(number, (colour, path))
            if known != colour:
                raise InputError(
                    f"{path}: its palette shows {number} in the colour {colour}, that of "
                    f"{where.name} in {known}; save all masks with one palette, or as grey numbers"
                )
