"""Pictures opened by Pillow: their headers, and no pixels unless these are few enough."""

from __future__ import annotations

from typing import BinaryIO

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

    Raises
    ------
    InputError
        More than ``max_pixels`` pixels times channels, palettes counted as the RGB they become; a
        JPEG file of more than 500 scans.
    """
    file.seek(0)
    kind = _KINDS[file.read(2)]
    file.seek(0)
    picture: ImageFile.ImageFile = kind(file)
    channels = 3 if picture.mode in ("P", "PA") else len(picture.getbands())
    check_size((*picture.size, channels), max_pixels, f"{name}:")
    if picture.format in ("JPEG", "MPO"):
        file.seek(0)
        scans = _scans(file.read())
        if scans > _MOST_SCANS:
            raise InputError(f"{name}: a JPEG file of {scans} scans; allowed are {_MOST_SCANS}")
    return picture


def _scans(data: bytes) -> int:
    """How many scans the first picture of a JPEG file has."""
    at, scans = 2, 0
    while (at := data.find(b"\xff", at)) >= 0 and at + 4 <= len(data):
        marker = data[at + 1]
        if marker == 0xD9:  # the end of the picture
            break
        if marker in (0x00, 0x01, 0xFF) or 0xD0 <= marker <= 0xD8:  # no segment begins here
            at += 1 if marker == 0xFF else 2
            continue
        scans += marker == 0xDA
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return scans
