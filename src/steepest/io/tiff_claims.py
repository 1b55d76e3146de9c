"""What the contents of a TIFF file claim: its OME-XML, and its compressed strips and tiles."""

from __future__ import annotations

import lzma
import os
import zlib
from importlib import import_module
from math import inf, prod
from typing import Any, BinaryIO
from xml.etree import ElementTree

from steepest.core.errors import InputError

_PACKBITS = 32773
_SPARE = 1 << 16  # bytes that a strip or tile may hold besides its pixels


def ome_claim(xml: str) -> float:
    """The pixels of all images that OME-XML speaks of, or its planes or steps if these are more."""
    pixels, others = 0, [0.0]
    try:
        for element in ElementTree.fromstring(xml).iter():
            values = element.attrib
            if element.tag.endswith("Pixels"):
                pixels += prod(int(values[f"Size{axis}"]) for axis in "XYZCT")
            planes = ("PlaneCount", "NumPlanes", "IFD")
            others += [int(values[key]) for key in planes if key in values]
            if "Start" in values:  # of a modulo
                length = float(values["End"]) - float(values["Start"])
                others.append(abs(length / float(values.get("Step", 1))))
    except (ArithmeticError, KeyError, ValueError, ElementTree.ParseError):
        return inf
    return max(pixels, *others)


def check_segments(series: Any, file: BinaryIO, name: str) -> None:
    """That no strip or tile is longer than the file, or unpacks to more than its pixels take.

    Raises
    ------
    InputError
        One does.
    """
    page = series.keyframe
    if page.is_contiguous:  # read as one piece
        return
    packed = page.compression == _PACKBITS or _unpacker(page.compression) is not None
    size, most = file.seek(0, os.SEEK_END), 2 * prod(page.chunks) * series.dtype.itemsize + _SPARE
    for each in filter(None, series.pages):
        for at, count in zip(each.dataoffsets, each.databytecounts, strict=False):
            if count > size:
                raise InputError(f"{name}: damaged: a strip or tile of {count} bytes, in {size}")
            if not packed:  # or by a library that unpacks no more than asked for
                continue
            file.seek(at)
            if count > most or _unpacked(page.compression, file.read(count), most) > most:
                raise InputError(
                    f"{name}: damaged: a strip or tile unpacks to more than {most} bytes, twice "
                    "what its pixels take"
                )


def _unpacker(compression: int) -> Any:
    if compression in (8, 32946, 50013):
        return zlib.decompressobj()
    if compression == 34925:
        return lzma.LZMADecompressor()
    if compression == 50000:
        try:
            return import_module("compression.zstd").ZstdDecompressor()
        except ModuleNotFoundError:  # before Python 3.14
            return None
    return None


def _unpacked(compression: int, data: bytes, most: int) -> int:
    """How long data are when unpacked, or ``most + 1`` if they are longer."""
    if compression != _PACKBITS:
        return len(_unpacker(compression).decompress(data, most + 1))
    at = length = 0
    while at < len(data) and length <= most:
        head = data[at]
        length += head + 1 if head < 128 else 257 - head if head > 128 else 0
        at += head + 2 if head < 128 else 2 if head > 128 else 1
    return length
