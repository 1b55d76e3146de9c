"""Open files with Pillow, checking the header before any pixels are decoded."""

import os
from collections.abc import Callable
from importlib import import_module
from typing import Any, BinaryIO

from PIL import ImageFile

from steepest.core.errors import InputError
from steepest.core.lazy import import_extra
from steepest.core.limits import check_size

_MOST_SCANS = 500  # JPEG: each scan costs as much time as a whole picture, but only a few bytes
_STARTS = {
    **{b"\x89PNG\r\n\x1a\n": "Png", b"\xff\xd8\xff": "Jpeg", b"BM": "Bmp"},
    **{b"II*\0": "Tiff", b"MM\0*": "Tiff", b"GIF87a": "Gif", b"GIF89a": "Gif"},
    **{b"\xff\x4f\xff\x51": "Jpeg2K", b"\0\0\0\x0cjP  ": "Jpeg2K"},
}
"""The plugin of Pillow that opens a file, by its first bytes."""
_BRANDS = {
    **dict.fromkeys((b"avif", b"avis"), "Avif"),
    **dict.fromkeys((b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1"), "Heif"),
}
_ANIMATED = ("GIF", "WEBP", "AVIF", "PNG")


def picture_kind(head: bytes) -> str | None:
    """The plugin for the picture that begins with these 12 bytes; None if it is no picture."""
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12])
    if head[:4] == b"RIFF":
        return "WebP" if head[8:12] == b"WEBP" else None
    if head[:1] == b"P" and head[1:2] in b"23456" and head[2:3].isspace():
        return "Ppm"
    return next((kind for start, kind in _STARTS.items() if head.startswith(start)), None)


def _opener(kind: str) -> Callable[[BinaryIO], ImageFile.ImageFile]:
    """What opens a picture, imported on first use; HEIC needs a package that is not installed."""
    if kind == "Heif":
        module = import_extra("pillow_heif", "HEIC photographs need", "pillow-heif", "pillow-heif")
    else:
        module = import_module(f"PIL.{kind}ImagePlugin")
    name = "jpeg_factory" if kind == "Jpeg" else f"{kind}ImageFile"
    opener: Callable[[BinaryIO], ImageFile.ImageFile] = getattr(module, name)
    return opener


def num_frames(picture: ImageFile.ImageFile) -> int:
    """The number of frames of an animation; 1 of other pictures."""
    return getattr(picture, "n_frames", 1) if picture.format in _ANIMATED else 1


def open_picture(file: BinaryIO, name: str, max_pixels: int) -> ImageFile.ImageFile:
    """Open a picture or a TIFF file that is whole and not too large, without decoding it.

    Unlike ``Image.open``, this has no process-wide limit and no warning; Pillow would fill what is
    missing at the end with grey if any package has set ``LOAD_TRUNCATED_IMAGES``.
    """
    file.seek(0)
    kind = picture_kind(file.read(12))
    assert kind is not None
    file.seek(0)
    try:
        picture = _opener(kind)(file)
    except InputError as error:
        raise InputError(f"{name}: {error}") from None
    channels = 3 if picture.mode in ("P", "PA") else len(picture.getbands())
    check_size((*picture.size, channels), max_pixels, f"{name}:")
    if (frames := num_frames(picture)) > 1:
        check_size((*picture.size, frames, 4), max_pixels, f"{name}:")
    whole = _WHOLE.get(kind, lambda file, picture: True)(file, picture)
    if kind == "Jpeg":
        file.seek(0)
        scans, whole = _scans(file.read())
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


def _has_last_chunk(file: BinaryIO, picture: Any) -> bool:
    """Whether a PNG file is complete, that is, whether it contains the IEND chunk."""
    at = 8
    while True:
        file.seek(at)
        head = file.read(8)
        if len(head) < 8 or head[4:] == b"IEND":
            return len(head) == 8
        at += 12 + int.from_bytes(head[:4], "big")


def _has_trailer(file: BinaryIO, picture: Any) -> bool:
    """Whether a GIF file is complete, that is, whether its blocks end with the trailer."""
    file.seek(10)
    tables = file.read(1)[0]
    file.seek(13 + (3 << (tables & 7) + 1 if tables & 0x80 else 0))
    while kind := file.read(1):
        if kind == b";":
            return True
        head = file.read(9 if kind == b"," else 1)  # a frame, or an extension
        if kind == b"," and len(head) == 9:
            file.seek((3 << (head[8] & 7) + 1 if head[8] & 0x80 else 0) + 1, os.SEEK_CUR)
        while (length := file.read(1)) not in (b"", b"\0"):
            file.seek(length[0], os.SEEK_CUR)
    return False


def _has_stated_length(file: BinaryIO, picture: Any) -> bool:
    """Whether a WebP file is as long as it says."""
    file.seek(4)
    return int.from_bytes(file.read(4), "little") + 8 <= file.seek(0, os.SEEK_END)


def _has_end_marker(file: BinaryIO, picture: Any) -> bool:
    """Whether a JPEG 2000 file is complete, that is, whether it ends with the marker EOC."""
    file.seek(-2, os.SEEK_END)
    return file.read() == b"\xff\xd9"


def _has_all_rows(file: BinaryIO, picture: Any) -> bool:
    """Whether a BMP or PNM file is long enough, unless it is run-length encoded or a text."""
    size, (width, height) = file.seek(0, os.SEEK_END), picture.size
    tile = picture.tile[0]
    if picture.format == "PPM":
        samples = len(picture.getbands()) * (2 if picture.mode[0] == "I" else 1)
        row = -(-width // 8) if picture.mode == "1" else width * samples
        return tile.codec_name == "ppm_plain" or tile.offset + row * height <= size
    return tile.codec_name != "raw" or tile.offset + tile.args[1] * height <= size


_WHOLE: dict[str, Callable[[BinaryIO, Any], bool]] = {
    "Png": _has_last_chunk,
    "Bmp": _has_all_rows,
    "Ppm": _has_all_rows,
    "WebP": _has_stated_length,
    "Gif": _has_trailer,
    "Jpeg2K": _has_end_marker,
}
