"""Check the palettes of masks: each number must have the same colour in all of them."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from steepest.core.errors import InputError
from steepest.io import tiff
from steepest.io.files import decoding
from steepest.io.pictures import open_picture

_Colour = tuple[int, ...]
_ANY = 2**53  # no limit on the number of pixels, because none is read


def label_colours(path: str | os.PathLike[str]) -> np.ndarray | None:
    """The palette of a label file, uint8 ``(n, 3)``: row k is the colour of number k.

    For TIFF files this is the higher byte of each value. None if there is no palette.

    Raises
    ------
    InputError
        If the file cannot be read.
    """
    name = os.fspath(path)
    with decoding(name), open(name, "rb") as file:
        head = file.read(8)
        file.seek(0)
        if head.startswith(b"\x89PNG"):
            with open_picture(file, name, _ANY) as picture:
                table: Any = picture.palette  # as stored: getpalette would read the pixels
                colours = table.palette if picture.mode == "P" and table else None
            return None if colours is None else np.frombuffer(colours, np.uint8).reshape(-1, 3)
        if head[:2] in (b"II", b"MM"):
            with tiff.open_tiff(file, name, _ANY) as tif:
                table = getattr(tif.pages[0], "colormap", None)
            return None if table is None else (np.asarray(table).T >> 8).astype(np.uint8)
    return None


def check_palettes(masks: Iterable[tuple[Path, np.ndarray | None, np.ndarray]]) -> None:
    """Refuse masks whose palettes show the same number in different colours.

    Parameters
    ----------
    masks : iterable of (path, colours, numbers)
        ``colours[k]`` (red, green, blue) is the colour of number k; None without a palette.
        ``numbers`` are the numbers in the mask; colours of other numbers do not matter.

    Raises
    ------
    InputError
        If two masks show a number in different colours; the message names both.
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
                    f"{where.name} in {known}; save all masks with the same palette or as greyscale"
                )
