"""Check the sizes declared by the descriptions, strips and tiles of a TIFF file."""

from __future__ import annotations

import json
import lzma
import zlib
from contextlib import suppress
from importlib import import_module
from math import inf, prod
from typing import Any, BinaryIO
from xml.etree import ElementTree

from steepest.core.errors import InputError

from .tiff_tags import Claim

_PACKBITS = 32773
_SPARE = 1 << 16  # bytes that a strip or tile may hold in addition to its pixels


def ome_claim(xml: str) -> float:
    """Return the number of pixels declared by OME-XML, summed over all images.

    If a plane or step count in the XML is larger, that count is returned.
    """
    pixels, others = 0, [0.0]
    try:
        for element in ElementTree.fromstring(xml).iter():
            values = element.attrib
            if element.tag.endswith("Pixels"):
                pixels += prod(int(values[f"Size{axis}"]) for axis in "XYZCT")
            planes = ("PlaneCount", "NumPlanes", "IFD")
            others += [int(values[key]) for key in planes if key in values]
            if "Start" in values:  # a modulo annotation
                length = float(values["End"]) - float(values["Start"])
                others.append(abs(length / float(values.get("Step", 1))))
    except (ArithmeticError, KeyError, ValueError, ElementTree.ParseError):
        return inf
    return max(pixels, *others)


def promised_pages(tif: Any) -> int:
    """Return the number of pages declared by the OME, ImageJ or tifffile description.

    The number is 0 if it is not declared, and for OME files that are part of a set, because their
    XML also describes the pages of other files.
    """
    page = tif.pages[0]
    samples = page.samplesperpixel
    if tif.is_ome:
        return _ome_pages(tif.ome_metadata or "", samples)
    if tif.is_imagej:
        notes = tif.imagej_metadata or {}
        sizes = [int(notes.get(key, 1)) for key in ("frames", "slices", "channels")]
        if sizes[2] == samples:  # the samples of one page are counted as channels
            sizes[2] = 1
        return prod(sizes) if prod(sizes) > 1 else int(notes.get("images", 1)) // samples
    if tif.is_shaped:
        with suppress(ValueError, TypeError, KeyError):
            shape = json.loads(page.shaped_description)["shape"]
            if {page.imagelength, page.imagewidth} <= set(shape):
                return int(prod(shape)) // page.size
    return 0


def _ome_pages(xml: str, samples: int) -> int:
    count, files = 0, set()
    try:
        root = ElementTree.fromstring(xml)
        for element in root.iter():
            if element.tag.endswith("}UUID"):
                files.add(element.text)
            if element.tag.endswith("}Pixels"):
                sizes = [int(element.attrib[f"Size{axis}"]) for axis in "ZTC"]
                together = sizes[2] % samples == 0  # the samples of a pixel are counted as channels
                count += prod(sizes) // (samples if together else 1)
    except (KeyError, ValueError, ElementTree.ParseError):
        return 0
    return 0 if files - {root.get("UUID", next(iter(files), None))} else count


def check_promise(tif: Any, claim: Claim, name: str) -> None:
    """Check that the list of pages is complete and as long as the description declares.

    Raises `InputError` if the file is truncated or unfinished, or if it holds more pages of the
    same shape than its description declares.
    """
    promised = promised_pages(tif)
    following = tif.pages[1].offset if claim.pages > 1 else tif.filehandle.size
    in_a_row = _in_a_row(tif.pages[0], following) if claim.whole else 0
    if not claim.whole or promised > max(claim.pages, in_a_row):
        whole = sum(_end(tif.pages[index]) <= tif.filehandle.size for index in range(claim.pages))
        raise cut_short(name, max(whole, in_a_row), promised)
    told = tif.is_ome or (tif.is_imagej and promised > 1)
    if told and 0 < promised < claim.pages and tif.pages[promised].shape == tif.pages[0].shape:
        raise InputError(
            f"{name}: holds {claim.pages} pages, but its description promises {promised}; export "
            "it again, or split it"
        )


def _in_a_row(page: Any, end: int) -> int:
    """Return how many pages fit between the first pixel of a page and ``end``.

    ImageJ and tifffile may store a stack as a single table followed by the pixels of all pages.
    """
    return int(end - page.dataoffsets[0]) // int(page.nbytes) if page.is_contiguous else 0


def check_pages(series: Any, tif: Any, name: str) -> None:
    """Check that the strips and tiles of all pages are in the file.

    Raises `InputError` if a strip or tile lies beyond the end of the file.
    """
    size, needed = tif.filehandle.size, len(series.pages)
    if needed == 1 and series.keyframe.is_contiguous:
        needed, whole = series.size // series.keyframe.size, _in_a_row(series.keyframe, size)
    else:
        whole = sum(page is not None and _end(page) <= size for page in series.pages)
    if whole < needed:
        raise cut_short(name, whole, needed)


def _end(page: Any) -> int:
    """Return the position in the file at which the last strip or tile of a page ends."""
    if page.is_contiguous:
        return int(page.dataoffsets[0]) + int(page.nbytes)
    parts = zip(page.dataoffsets, page.databytecounts, strict=False)
    return max((at + count for at, count in parts), default=0)


def cut_short(name: str, held: int, promised: int) -> InputError:
    """Create an error stating how many pages are readable and, if known, how many are expected."""
    if held == 0:
        return InputError(f"{name}: holds no whole page; the file was cut short")
    if promised > held:
        return InputError(f"{name}: holds {held} of {promised} pages; the file was cut short")
    pages = "page" if held == 1 else "pages"
    return InputError(
        f"{name}: holds {held} whole {pages}, then the file ends although more pages "
        "should follow; it was cut short"
    )


def check_segments(series: Any, file: BinaryIO, name: str) -> None:
    """Check that no strip or tile is missing or decompresses to far more than its pixels need.

    The limit is twice the size of the pixels plus 64 KiB.

    Raises `InputError` if a strip or tile is missing or too large.
    """
    page = series.keyframe
    if page.is_contiguous:  # read as a single block
        return
    packed = page.compression == _PACKBITS or _unpacker(page.compression) is not None
    most = 2 * prod(page.chunks) * series.dtype.itemsize + _SPARE
    for each in series.pages:
        if min(len(each.dataoffsets), len(each.databytecounts)) < prod(page.chunked):
            raise InputError(
                f"{name}: damaged: strips or tiles of page {each.index + 1} are missing"
            )
        if not packed:  # uncompressed, or the decoder stops at the requested size
            continue
        for at, count in zip(each.dataoffsets, each.databytecounts, strict=False):
            file.seek(at)
            if count > most or _unpacked(page.compression, file.read(count), most) > most:
                raise InputError(
                    f"{name}: damaged: a strip or tile decompresses to more than {most} bytes, "
                    "twice what its pixels take"
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
    """Return the length of the decompressed data, or more than ``most`` if it exceeds ``most``."""
    if compression != _PACKBITS:
        return len(_unpacker(compression).decompress(data, most + 1))
    at = length = 0
    while at < len(data) and length <= most:
        head = data[at]
        length += head + 1 if head < 128 else 257 - head if head > 128 else 0
        at += head + 2 if head < 128 else 2 if head > 128 else 1
    return length
