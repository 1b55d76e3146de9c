"""Pictures opened by Pillow: their headers, and no pixels unless these are few enough."""

from __future__ import annotations

import os
from typing import Any, BinaryIO

from PIL import BmpImagePlugin, ImageFile, JpegImagePlugin, PngImagePlugin, TiffImagePlugin

from steepest.core.errors import InputError
from steepest.core.limits import check_size

_MOST_SCANS = 500  # of a JPEG file: each takes as long as a whole picture, and a few bytes

_KINDS = {
    b"\x89P": PngImagePlugin.PngImageFile,
    b"\xff\xd8": JpegImagePlugin.jpeg_factory,
    b"BM": BmpImagePlugin.BmpImageFile,
    b"II": TiffImagePlugin.TiffImageFile,
    b"MM": TiffImagePlugin.TiffImageFile,
}


def open_picture(file: BinaryIO, name: str, max_pixels: int) -> ImageFile.ImageFile:
    """A PNG, JPEG, BMP or TIFF file of which only the header was read.

    Opened by its own class: ``Image.open`` has a limit of its own, for the whole process, with a
    warning below it. (Text and profiles that are compressed are limited by Pillow, to 1 MiB each.)
    For the same reason the end of the file is looked for here: with ``LOAD_TRUNCATED_IMAGES``,
    which other packages set, Pillow fills what is missing with grey.

    Raises
    ------
    InputError
        More than ``max_pixels`` pixels times channels, palettes counted as the RGB they become; a
        JPEG file of more than 500 scans; a PNG, JPEG or BMP file that was cut short.
    """
    file.seek(0)
    kind = _KINDS[file.read(2)]
    file.seek(0)
    picture: ImageFile.ImageFile = kind(file)
    channels = 3 if picture.mode in ("P", "PA") else len(picture.getbands())
    check_size((*picture.size, channels), max_pixels, f"{name}:")
    scans, whole = 0, True
    if picture.format in ("JPEG", "MPO"):
        file.seek(0)
        scans, whole = _scans(file.read())
    elif picture.format == "PNG":
        whole = _has_last_chunk(file)
    elif picture.format == "BMP":
        whole = _has_all_rows(file, picture)
    if scans > _MOST_SCANS:
        raise InputError(f"{name}: a JPEG file of {scans} scans; allowed are {_MOST_SCANS}")
    if not whole:
        raise InputError(f"{name}: damaged: the file ends before its image does; it was cut short")
    return picture


def _scans(data: bytes) -> tuple[int, bool]:
    """How many scans the first picture of a JPEG file has, and whether its end is there."""
    at, scans = 2, 0
    while (at := data.find(b"\xff", at)) >= 0 and at + 2 <= len(data):
        marker = data[at + 1]
        if marker == 0xD9:  # the end of the picture
            return scans, True
        if marker in (0x00, 0x01, 0xFF) or 0xD0 <= marker <= 0xD8:  # no segment begins here
            at += 1 if marker == 0xFF else 2
            continue
        scans += marker == 0xDA
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return scans, False


def _has_last_chunk(file: BinaryIO) -> bool:
    """Whether a PNG file goes on to its chunk IEND."""
    at = 8
    while True:
        file.seek(at)
        head = file.read(8)
        if len(head) < 8 or head[4:] == b"IEND":
            return len(head) == 8
        at += 12 + int.from_bytes(head[:4], "big")


def _has_all_rows(file: BinaryIO, picture: ImageFile.ImageFile) -> bool:
    """Whether a BMP file is long enough (packed ones are refused when they are decoded)."""
    size = file.seek(0, os.SEEK_END)
    tiles: list[Any] = picture.tile
    return all(
        tile.codec_name != "raw" or tile.offset + tile.args[1] * picture.height <= size
        for tile in tiles
    )
