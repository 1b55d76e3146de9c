"""Check what a TIFF file declares before any memory is allocated.

A file of a few bytes can declare any number of pixels, a cyclic list of pages, many pages that
share one long list of values, or a strip that decompresses to gigabytes; tifffile trusts it. A file
that was cut short declares more pages than it holds.
"""

import json
import lzma
import os
import struct
import sys
import zlib
from contextlib import suppress
from importlib import import_module
from io import BytesIO
from math import prod
from typing import Any, BinaryIO, NamedTuple

from PIL import Jpeg2KImagePlugin, PngImagePlugin

from steepest.core.errors import InputError
from steepest.core.limits import check_size
from steepest.core.numbers import counted

from . import ome

_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_BYTES.update({16: 8, 17: 8, 18: 8})  # BigTIFF
_INTEGERS = {1: "B", 3: "H", 4: "I", 6: "B", 8: "H", 9: "I", 13: "I", 16: "Q", 17: "Q", 18: "Q"}
_TILES = {256: 322, 257: 323, 32997: 32998}  # tags of width, height and depth: those of a tile
_SAMPLES, _SUBIFDS = 277, 330
_PRIVATE = 32768  # first of the program-specific tags; of these, pixels depend on ImageJ's only
_IMAGEJ = (50838, 50839)
_MOST_PIXELS = 1 << 16  # per byte of the file: more than any compression achieves
_MOST_TAGS = 8  # bytes of tags per byte of the file; pages may share values
JPEG = (6, 7)
"""Compressions that libtiff decodes, which compares the sizes of strips and tiles."""
_BOUNDED = (1, 2, 3, 4, 5, *JPEG)  # CCITT, LZW: decoders stop at the size of the pixels
_DEFLATE, _PACKBITS, _LZMA, _ZSTD = (8, 32946, 50013), 32773, 34925, 50000
_PICTURES: dict[int, Any] = {
    **dict.fromkeys((33003, 33005, 34712), Jpeg2KImagePlugin.Jpeg2KImageFile),
    34933: PngImagePlugin.PngImageFile,
}  # files within a file, with headers of their own
_SPARE = 1 << 16  # bytes that a strip or tile may hold in addition to its pixels


class Declared(NamedTuple):
    """The contents of a file according to its tables of tags."""

    pixels: int  # times channels, summed over all pages
    pages: int  # whose tables are in the file
    complete: bool  # whether the list of pages ends inside the file


def check_tables(file: BinaryIO, name: str, max_pixels: int) -> Declared:
    """Add up what the tables of all pages declare, and refuse what a file cannot hold."""
    tables = _Tables(file)
    to_read, seen = [(tables.first, True)] if tables.first else [], set[int]()
    pixels = pages = length = 0
    complete = True
    while to_read:
        at, in_list = to_read.pop()
        if at in seen:
            raise InputError(f"{name}: damaged: its list of pages is a loop")
        seen.add(at)
        try:
            table = tables.read(at)
        except struct.error:
            complete = complete and not in_list
            continue
        to_read += [(each, False) for each in table.subifds if each >= 8]
        if in_list:
            pages += 1
            to_read += [(table.following, True)] if table.following else []
        pixels, length = pixels + table.pixels, length + table.length
        check_size((pixels,), max_pixels, f"{name}:")
        if length > _MOST_TAGS * tables.size or pixels > _MOST_PIXELS * tables.size:
            raise InputError(
                f"{name}: damaged: claims {pixels} pixels (times channels) and {length} bytes of "
                f"tags; allowed are {_MOST_PIXELS} and {_MOST_TAGS} for each of its {tables.size} "
                "bytes"
            )
    if not pages:
        raise _truncation(name, 0)
    return Declared(pixels, pages, complete)


class _Table(NamedTuple):
    pixels: int
    length: int  # of all tags, in bytes
    subifds: list[int]
    following: int  # position of the next page; 0 after the last one


class _Tables:
    """The tables of a TIFF file. Reading outside the file raises struct.error."""

    def __init__(self, file: BinaryIO) -> None:
        self.file, self.order, self.size = file, "<", file.seek(0, os.SEEK_END)
        self.order = ">" if self._unpack("2s", 0)[0] == b"MM" else "<"
        big = self._unpack("H", 2)[0] == 43
        self.count, self.entry, self.pointer = ("Q", "HHQ8s", "Q") if big else ("H", "HHI4s", "I")
        self.first = int(self._unpack(self.pointer, 8 if big else 4)[0])

    def _unpack(self, form: str, at: int) -> tuple[Any, ...]:
        reader = struct.Struct(self.order + form)
        if at + reader.size > self.size:
            raise struct.error
        self.file.seek(at)
        return reader.unpack(self.file.read(reader.size))

    def read(self, at: int) -> _Table:
        """Read the table at ``at``; struct.error if pixels depend on a value outside the file."""
        entry = struct.Struct(self.order + self.entry)
        (number,), start = self._unpack(self.count, at), at + struct.calcsize(self.count)
        (table,) = self._unpack(f"{number * entry.size}s", start)
        sizes, length, subifds = {_SAMPLES: 1}, len(table), list[int]()
        for code, kind, count, value in entry.iter_unpack(table):
            total = count * _BYTES.get(kind, 0)
            length += total
            if code == _SAMPLES or code in _TILES or code in _TILES.values():
                if count != 1 or kind not in _INTEGERS:
                    raise ValueError(f"tag {code} is not one integer")
                (size,) = struct.unpack_from(self.order + _INTEGERS[kind], value)
                sizes[code] = max(size, sizes.get(code, 0))
            elif total > len(value) and (code < _PRIVATE or code in _IMAGEJ):
                (place,) = struct.unpack(self.order + self.pointer, value)
                if place + total > self.size:
                    raise struct.error
                if code == _SUBIFDS and kind in _INTEGERS:
                    subifds += self._unpack(f"{count}{_INTEGERS[kind]}", place)
            elif code == _SUBIFDS and kind in _INTEGERS:
                subifds += struct.unpack_from(f"{self.order}{count}{_INTEGERS[kind]}", value)
        sizes.setdefault(32997, 1)
        sides = [max(sizes.get(side, 0), sizes.get(tile, 0)) for side, tile in _TILES.items()]
        (following,) = self._unpack(self.pointer, start + len(table))
        return _Table(sizes[_SAMPLES] * prod(sides), length, subifds, following)


def check_page_count(tif: Any, declared: Declared, name: str) -> None:
    """Refuse files with fewer or more pages than OME, ImageJ or tifffile describe.

    OME-XML of more pixels than there are is ignored: missing planes would be read as zeros.
    """
    first, held = tif.pages[0], declared.pages
    pixels, described = _read_description(tif, first)
    following = tif.pages[1].offset if held > 1 else tif.filehandle.size
    in_a_row = _in_a_row(first, following) if declared.complete else 0
    if not declared.complete or described > max(held, in_a_row):
        whole = sum(_end(tif.pages[index]) <= tif.filehandle.size for index in range(held))
        raise _truncation(name, max(whole, in_a_row), described)
    stated = tif.is_ome or (tif.is_imagej and described > 1)
    if stated and 0 < described < held and tif.pages[described].shape == first.shape:
        raise InputError(
            f"{name}: holds {held} pages, but its description promises {described}; export it "
            "again, or split it"
        )
    if pixels > declared.pixels:
        tif.is_ome = False


def _read_description(tif: Any, page: Any) -> tuple[float, int]:
    """Return the numbers of pixels (0 if not OME) and of pages (0 if unknown) described."""
    samples = page.samplesperpixel
    if tif.is_ome:
        return ome.count_declared(tif.ome_metadata or "", samples)
    if tif.is_imagej:
        notes = tif.imagej_metadata or {}
        sizes = [int(notes.get(key, 1)) for key in ("frames", "slices", "channels")]
        if sizes[2] == samples:  # the samples of one page are counted as channels
            sizes[2] = 1
        return 0, prod(sizes) if prod(sizes) > 1 else int(notes.get("images", 1)) // samples
    with suppress(ValueError, TypeError, KeyError):
        shape = json.loads(page.shaped_description)["shape"] if tif.is_shaped else ()
        if {page.imagelength, page.imagewidth} <= set(shape):
            return 0, int(prod(shape)) // page.size
    return 0, 0


def _in_a_row(page: Any, end: int) -> int:
    """Return how many pages fit between the first pixel of a page and ``end``, without tables."""
    return int(end - page.dataoffsets[0]) // int(page.nbytes) if page.is_contiguous else 0


def _end(page: Any) -> int:
    """Return the position in the file at which the last strip or tile of a page ends."""
    if page.is_contiguous:
        return int(page.dataoffsets[0]) + int(page.nbytes)
    parts = zip(page.dataoffsets, page.databytecounts, strict=False)
    return max((at + count for at, count in parts), default=0)


def _truncation(name: str, held: int, described: int = 0) -> InputError:
    """The error of a file that ends too early; ``described`` is 0 if unknown."""
    found = f"{counted(held, 'whole page')}, and more should follow"
    found = f"{held} of {described} pages" if described > held else found
    return InputError(f"{name}: holds {found if held else 'no whole page'}; the file was cut short")


def check_pages(series: Any, tif: Any, name: str) -> None:
    """Check that the strips and tiles of all pages, and their samples, are in the file."""
    page, size, needed = series.keyframe, tif.filehandle.size, len(series.pages)
    if needed == 1 and page.is_contiguous:
        needed, whole = series.size // page.size, _in_a_row(page, size)
    else:
        whole = sum(each is not None and _end(each) <= size for each in series.pages)
    if whole < needed:
        raise _truncation(name, whole, needed)
    if page.samplesperpixel > 1 and page.planarconfig not in (1, 2):  # read as if it were empty
        raise InputError(f"{name}: damaged: its planar configuration is {page.planarconfig}")
    for each in series.pages if not page.is_contiguous else ():
        if min(len(each.dataoffsets), len(each.databytecounts)) < prod(page.chunked):
            raise InputError(
                f"{name}: damaged: strips or tiles of page {each.index + 1} are missing"
            )


def check_segments(series: Any, file: BinaryIO, name: str) -> None:
    """Refuse strips and tiles that decompress to more than 64 KiB and twice their pixels."""
    page = series.keyframe
    if page.compression in _BOUNDED:
        return
    most = 2 * prod(page.chunks) * series.dtype.itemsize + _SPARE
    for each in series.pages:
        for at, count in zip(each.dataoffsets, each.databytecounts, strict=False):
            file.seek(at)
            if count > most or _unpacked_length(page, file.read(count), most, name) > most:
                raise InputError(
                    f"{name}: damaged: a strip or tile decompresses to more than {most} bytes, "
                    "twice what its pixels take"
                )


def _unpacked_length(page: Any, data: bytes, most: int, name: str) -> int:
    """Return the decompressed length of a strip or tile, or more than ``most`` if it is longer."""
    kind, length, place = page.compression, 0, 0
    if kind in _DEFLATE:
        return len(zlib.decompressobj().decompress(data, most + 1))
    if kind == _LZMA:
        return len(lzma.LZMADecompressor().decompress(data, most + 1))
    if kind == _ZSTD and sys.version_info >= (3, 14):
        return len(import_module("compression.zstd").ZstdDecompressor().decompress(data, most + 1))
    if kind in _PICTURES:
        width, height = _PICTURES[kind](BytesIO(data)).size
        return int(width * height * page.samplesperpixel * page.dtype.itemsize)
    if kind not in (_PACKBITS, _ZSTD):
        raise InputError(
            f"{name}: compressed by {getattr(kind, 'name', kind)}; allowed in TIFF files are LZW, "
            "deflate, PackBits, LZMA, ZSTD, CCITT, JPEG, JPEG 2000 and PNG"
        )
    while kind == _PACKBITS and place < len(data) and length <= most:
        head = data[place]
        length += head + 1 if head < 128 else 257 - head if head > 128 else 0
        place += head + 2 if head < 128 else 2 if head > 128 else 1
    return length
