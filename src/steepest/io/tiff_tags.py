"""Check the sizes declared by the tags of a TIFF file before any memory is allocated.

A file of a few bytes can declare any number of pixels, a cyclic list of pages, or many pages that
share one long list of values. Readers that trust such a file run out of memory or time.
"""

from __future__ import annotations

import os
import struct
from typing import BinaryIO, NamedTuple

from steepest.core.errors import InputError
from steepest.core.limits import check_size

_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_SIZES.update({16: 8, 17: 8, 18: 8})  # BigTIFF
_INTEGERS = {1: "B", 3: "H", 4: "I", 6: "B", 8: "H", 9: "I", 13: "I", 16: "Q", 17: "Q", 18: "Q"}
_WIDTH, _HEIGHT, _DEPTH, _SAMPLES = 256, 257, 32997, 277
_TILE = {_WIDTH: 322, _HEIGHT: 323, _DEPTH: 32998}
_SINGLE = {*_TILE, *_TILE.values(), _SAMPLES}
_SUBIFDS = 330
_PRIVATE = 32768  # first of the program-specific tags; pixels do not depend on these
_IMAGEJ = (50838, 50839)
_RATE = 1 << 16  # samples per byte of file: more than any compression achieves
_SHARED = 8  # limit on the size of all tags, in file sizes; pages may share values


class Claim(NamedTuple):
    """The contents of a file as declared by its tags."""

    pixels: int
    """Number of pixels times channels, summed over all pages."""
    pages: int
    """Number of pages whose tags are in the file."""
    whole: bool
    """Whether the list of pages ends inside the file; if not, the file is truncated."""


def check_tags(file: BinaryIO, name: str, max_pixels: int) -> Claim:
    """Follow the list of pages and add up the sizes declared by their tags.

    Raises `InputError` if the tags declare more pixels than ``max_pixels`` or than a file of this
    size can hold, if the tags are too large for the file, or if the list of pages is cyclic.
    """
    tags = _Tags(file)
    following, others, seen = tags.first, list[int](), {0}
    pixels = claimed = pages = 0
    whole = True
    while following or others:
        at, main = (following, True) if following else (others.pop(), False)
        if at in seen:
            raise InputError(f"{name}: damaged: its list of pages is a loop")
        seen.add(at)
        try:
            page = tags.page(at)
        except struct.error:
            whole, following = whole and not main, 0
            continue
        others += page.others
        if main:
            pages, following = pages + 1, page.following
        claimed += page.length
        size = page.sizes.get(_SAMPLES, 1)
        for side, tile in _TILE.items():
            size *= max(page.sizes.get(side, side == _DEPTH), page.sizes.get(tile, 0))
        pixels += size
        check_size((pixels,), max_pixels, f"{name}:")
        if claimed > _SHARED * tags.size or pixels > _RATE * tags.size:
            raise InputError(
                f"{name}: damaged: claims {pixels} pixels (times channels) and {claimed} bytes "
                f"of tags; allowed are {_RATE} and {_SHARED} for each of its {tags.size} bytes"
            )
    return Claim(pixels, pages, whole)


class _Page(NamedTuple):
    sizes: dict[int, int]
    length: int
    """Size of all tags, in bytes."""
    others: list[int]
    """Positions of the SubIFDs."""
    following: int
    """Position of the next page; 0 for the last page."""


class _Tags:
    """The tables of a TIFF file. Reading a table outside the file raises struct.error."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.size = file.seek(0, os.SEEK_END)
        self.order = ">" if self._bytes(0, 2) == b"MM" else "<"
        self.big = self._number("H", 2) == 43
        self.pointer = "Q" if self.big else "I"
        self.first = self._number(self.pointer, 8 if self.big else 4)

    def page(self, at: int) -> _Page:
        """Read the table at ``at``; struct.error if pixels depend on a value outside the file."""
        entry = struct.Struct(self.order + ("HHQ8s" if self.big else "HHI4s"))
        start = at + (8 if self.big else 2)
        table = self._bytes(start, self._number("Q" if self.big else "H", at) * entry.size)
        sizes: dict[int, int] = {}
        length = len(table)
        others: list[int] = []
        for code, kind, count, value in entry.iter_unpack(table):
            total = count * _SIZES.get(kind, 0)
            length += total
            if code in _SINGLE:
                if count != 1 or kind not in _INTEGERS:
                    raise ValueError(f"tag {code} is not one integer")
                number = struct.unpack_from(self.order + _INTEGERS[kind], value)[0]
                sizes[code] = max(number, sizes.get(code, 0))
                continue
            if total > len(value) and (code < _PRIVATE or code in _IMAGEJ):
                place = self._unpack(self.pointer, value)
                if place + total > self.size:
                    raise struct.error
                if code == _SUBIFDS:
                    value = self._bytes(place, total)
            if code == _SUBIFDS and kind in _INTEGERS:
                others += struct.unpack_from(f"{self.order}{count}{_INTEGERS[kind]}", value)
        following = self._number(self.pointer, start + len(table))
        return _Page(sizes, length, [each for each in others if each >= 8], following)

    def _bytes(self, at: int, count: int) -> bytes:
        if at + count > self.size:
            raise struct.error
        self.file.seek(at)
        return self.file.read(count)

    def _unpack(self, kind: str, data: bytes) -> int:
        return int(struct.unpack_from(self.order + kind, data)[0])

    def _number(self, kind: str, at: int) -> int:
        return self._unpack(kind, self._bytes(at, struct.calcsize(self.order + kind)))
