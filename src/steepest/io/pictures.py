"""Open files with Pillow, checking the header before any pixels are decoded."""

from __future__ import annotations

import os
from typing import Any, BinaryIO

from PIL import BmpImagePlugin, ImageFile, JpegImagePlugin, PngImagePlugin, TiffImagePlugin

from steepest.core.errors import InputError
from steepest.core.limits import check_size

_MOST_SCANS = 500  # JPEG: each scan costs as much time as a whole picture, but only a few bytes

_KINDS = {
    b"\x89P": PngImagePlugin.PngImageFile,
    b"\xff\xd8": JpegImagePlugin.jpeg_factory,
    b"BM": BmpImagePlugin.BmpImageFile,
    b"II": TiffImagePlugin.TiffImageFile,
    b"MM": TiffImagePlugin.TiffImageFile,
}


def open_picture(file: BinaryIO, name: str, max_pixels: int) -> ImageFile.ImageFile:
    """Open a PNG, JPEG, BMP or TIFF file that is whole and not too large, without decoding it.

    ``Image.open`` is not used, because it applies a process-wide limit on the number of pixels and
    warns below that limit. The end of the file is checked here, because Pillow fills missing pixels
    with grey if any package has set ``LOAD_TRUNCATED_IMAGES``.
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
        raise InputError(f"{name}: has {scans} JPEG scans; allowed are {_MOST_SCANS}")
    if not whole:
        raise InputError(f"{name}: damaged: the image is not complete; the file was cut short")
    return picture


def _scans(data: bytes) -> tuple[int, bool]:
    """Count the scans in the first picture of a JPEG file, and check whether it is complete."""
    at, scans = 2, 0
    while (at := data.find(b"\xff", at)) >= 0 and at + 2 <= len(data):
        marker = data[at + 1]
        if marker == 0xD9:  # the end of the picture
            return scans, True
        if marker in (0x00, 0x01, 0xFF) or 0xD0 <= marker <= 0xD8:  # not the start of a segment
            at += 1 if marker == 0xFF else 2
            continue
        scans += marker == 0xDA
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return scans, False


def _has_last_chunk(file: BinaryIO) -> bool:
    """Whether a PNG file is complete, that is, whether it contains the IEND chunk."""
    at = 8
    while True:
        file.seek(at)
        head = file.read(8)
        if len(head) < 8 or head[4:] == b"IEND":
            return len(head) == 8
        at += 12 + int.from_bytes(head[:4], "big")


def _has_all_rows(file: BinaryIO, picture: ImageFile.ImageFile) -> bool:
    """Whether a BMP file is long enough (the decoder checks run-length encoded files)."""
    size = file.seek(0, os.SEEK_END)
    tiles: list[Any] = picture.tile
    return all(
        tile.codec_name != "raw" or tile.offset + tile.args[1] * picture.height <= size
        for tile in tiles
    )
