"""Masks and label images (one number per pixel) in the formats written by other programs."""

import os
from typing import Any, BinaryIO

import numpy as np
import tifffile

from steepest.core.errors import InputError
from steepest.core.limits import MAX_PIXELS
from steepest.core.numbers import check_count, check_flag

from . import npy, tiff
from .files import decoding, read_image
from .paths import check_path
from .pictures import open_picture

_TINT = 16  # largest difference between red, green and blue in a grey file that was compressed
_LOSSY = ("jpeg", "webp", "avif", "heic", "jp2")


def read_labels(
    path: str | os.PathLike[str], *, lossy: bool = False, max_pixels: int = MAX_PIXELS
) -> np.ndarray:
    """Read the numbers stored in a label file, as an (H, W) int64 array.

    For a palette image, the indices are returned, not the colours. For a grey image, the grey
    values are returned (0 and 255 for 1-bit images). An RGB image is accepted if red, green and
    blue are equal. TIFF and NPY files may hold any integers, Booleans, or floats with integer
    values. For TIFF files, the stored numbers are returned even if 0 is displayed as white
    (MINISWHITE); 1-bit files are read as displayed. Transparency is ignored.

    Parameters
    ----------
    lossy
        Whether to accept JPEG files. JPEG compression changes the numbers, so compare them with a
        threshold.
    max_pixels
        As in `read_image`.

    Raises
    ------
    InputError
        If the file cannot be read, is too large, is a JPEG file and ``lossy`` is False, or holds
        several pages, colours, or non-integer numbers.
    """
    name, most = check_path(path), check_count(max_pixels, "max_pixels")
    check_flag(lossy, "lossy")
    with decoding(name), open(name, "rb") as file:
        array, tolerance = _stored_numbers(file, name, most), 0
    if array is None:
        image = read_image(name, max_pixels=most)
        array, tolerance = image.array, _TINT if image.format in _LOSSY else 0
        if tolerance and not lossy:
            raise InputError(
                f"{name}: {image.format.upper()} changes the numbers in a mask; give a threshold "
                "(--threshold 128, lossy=True), or save the mask as PNG or TIFF"
            )
    return _whole_numbers(_without_colours(array, name, tolerance), name)


def _stored_numbers(file: BinaryIO, name: str, max_pixels: int) -> np.ndarray | None:
    """Read the numbers that `read_image` would change or reject; None if it can be used instead."""
    head = file.read(8)
    file.seek(0)
    if head.startswith(b"\x89PNG"):
        with open_picture(file, name, max_pixels) as picture:
            return np.array(picture) if picture.mode == "P" else None
    if head[:4] in tiff.MAGIC:
        return _tiff_numbers(file, name, max_pixels)
    return npy.load(file, name, max_pixels) if head.startswith(b"\x93NUMPY") else None


def _tiff_numbers(file: BinaryIO, name: str, max_pixels: int) -> np.ndarray | None:
    with tiff.open_tiff(file, name, max_pixels) as tif:
        page: Any = tif.pages[0]
        wide = page.dtype is not None and page.dtype.name not in ("bool", "uint8", "uint16")
        inverted = page.photometric == tifffile.PHOTOMETRIC.MINISWHITE and page.bitspersample > 1
        palette = page.photometric == tifffile.PHOTOMETRIC.PALETTE
        stored = wide or inverted or palette
        return tiff.stored_pixels(tif, file, name, max_pixels) if stored else None


def _without_colours(array: np.ndarray, name: str, tolerance: int) -> np.ndarray:
    """Reduce to a grey image. If red, green and blue hardly differ, green is closest to grey."""
    if array.ndim == 3 and array.shape[-1] in (3, 4):
        differ = array[..., :3] != array[..., 1:2]
        if tolerance:
            differ = np.ptp(array[..., :3], axis=-1) > tolerance
        if bool(differ.any()):
            raise InputError(f"{name}: a mask holds one number per pixel; this file holds colours")
        array = array[..., 1]
    if array.ndim != 2:
        raise InputError(f"{name}: shape {array.shape}; allowed is one image (H, W)")
    return array


def _whole_numbers(array: np.ndarray, name: str) -> np.ndarray:
    if array.dtype.kind == "f":
        with np.errstate(invalid="ignore"):  # signalling NaN
            whole = np.isfinite(array) & (array == np.rint(array)) & (np.abs(array) < 2**53)
        if not bool(whole.all()):
            raise InputError(f"{name}: holds numbers that are not whole; labels are integers")
    elif array.dtype.kind not in "bui":
        raise InputError(f"{name}: holds {array.dtype} values; labels are integers")
    return array.astype(np.int64)
