"""Read and write image files.

When a file is read, its format is detected from its first bytes, not from its name.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from io import BytesIO
from typing import BinaryIO

import numpy as np

from steepest.core.arrays import as_array, check_field
from steepest.core.errors import InputError
from steepest.core.limits import MAX_PIXELS
from steepest.core.namespace import detached, is_torch
from steepest.core.numbers import check_choice, check_count

from . import npy, raster, tiff
from .image import Image, Request, check_dtype, check_pixels
from .microscopes import microscope_reader
from .outputs import OutputSet, open_output
from .paths import SUFFIXES, check_kind, check_path, near_file
from .pictures import picture_kind
from .samples import sample_bytes

_ALLOWED = (
    "pictures (PNG, JPEG, BMP, GIF, WebP, AVIF, JPEG 2000, PNM, HEIC), TIFF, NPY, DICOM, NIfTI, "
    "CZI, LIF and ND2 files"
)
_LONGEST = {"jpeg": 65535, "webp": 16383}  # pixels along one side
_DTYPES = {
    "png": ("uint8", "uint16"),
    "jpeg": ("uint8",),
    "webp": ("uint8",),
    "tiff": ("uint8", "uint16", "float32", "float64"),
    "npy": ("uint8", "uint16", "float32", "float64"),
}


def read_image(
    path: str | os.PathLike[str],
    *,
    stack: str = "auto",
    scene: int | None = None,
    channel_axis: int | str | None = "auto",
    max_pixels: int = MAX_PIXELS,
) -> Image:
    """Read an image file, or a bundled photograph ("sample:camera").

    Files are PNG, JPEG, BMP, GIF, WebP, AVIF, JPEG 2000, PNM, TIFF and NPY, with the extra
    ``microscopy`` also DICOM, NIfTI, CZI, LIF and ND2, and with the package pillow-heif also HEIC.

    8-bit, 16-bit and floating-point values are returned as stored; other whole numbers (CT values,
    counts) as float32 or float64 of the same value. Palette images and CMYK are converted to RGB
    and 1-bit images to uint8. For 8-bit ImageJ files with a look-up table, the grey values are
    returned. Transparency is stored in `Image.alpha`. Images taken with the camera on its side
    (EXIF) are turned upright, and written upright. ``metadata.changed`` says what was converted.
    The frames of an animation are time points.

    Parameters
    ----------
    stack
        How to interpret the pages of a file, or the first axis of a 3-D array. "volume": as one
        3-D image. "pages": as separate images. "auto": as a volume, unless the file states that
        the pages are time points.
    scene
        Which image is read if a file holds several (scenes, positions), counted from 1.
    channel_axis
        The axis of the stored array that holds the channels, or None if there is none. "auto" uses
        the information in the file; for NPY files, a last axis of length 3 or 4 holds channels.
    max_pixels
        The maximum number of pixels times channels, summed over all pages. Larger files are
        rejected after the header is read, before memory is allocated.

    Raises
    ------
    InputError
        If the file is missing, unreadable, damaged, truncated or too large, or if its contents are
        not supported. File contents are never executed: pickled NPY files are rejected.
    """
    name = check_path(path)
    whole = isinstance(channel_axis, (int, np.integer)) and not isinstance(channel_axis, bool)
    known = channel_axis is None or (isinstance(channel_axis, str) and channel_axis == "auto")
    if not whole and not known:
        raise InputError(f"channel_axis={channel_axis!r}; allowed are integers, None and 'auto'")
    check_choice(stack, "stack", ("auto", "volume", "pages"))
    number = None if scene is None else check_count(scene, "scene")
    request = Request(stack, channel_axis, check_count(max_pixels, "max_pixels"), number)
    data = sample_bytes(name[7:]) if name.startswith("sample:") else None
    with decoding(name), BytesIO(data) if data is not None else open(name, "rb") as file:
        return _reader(file, name)(file, name, request)


def decode_image(data: bytes, name: str = "image", *, max_pixels: int = MAX_PIXELS) -> Image:
    """Decode the contents of an image file that is in memory, such as an upload.

    ``name`` is used in error messages and becomes the name of the image; no file is opened.

    Raises
    ------
    InputError
        As in `read_image`.
    """
    request = Request(max_pixels=check_count(max_pixels, "max_pixels"))
    with decoding(name), BytesIO(data) as file:
        return _reader(file, name)(file, name, request)


def encode_image(image: Image, name: str) -> bytes:
    """Return the contents of the file that ``write_image(name, image)`` would write.

    Raises
    ------
    InputError
        If the format given by the suffix of ``name`` cannot represent this image.
    """
    kind = check_target(name, image)
    file = BytesIO()
    _write(file, image, kind)
    return file.getvalue()


@contextmanager
def decoding(name: str) -> Iterator[None]:
    """Convert any error raised while decoding the file ``name`` to an InputError with that name."""
    try:
        yield
    except InputError:
        raise
    except MemoryError:
        raise InputError(f"{name}: not enough memory to read this file") from None
    except FileNotFoundError as error:
        raise InputError(f"{name}: {error.strerror}{near_file(name)}") from error
    except OSError as error:
        reason = error.strerror or f"damaged or not readable ({_first_line(error)})"
        raise InputError(f"{name}: {reason}") from error
    except SyntaxError as error:  # what Pillow says is about its own parser
        raise InputError(f"{name}: damaged or not readable") from error
    except Exception as error:  # decoders raise almost any exception on damaged files
        raise InputError(f"{name}: damaged or not readable ({_first_line(error)})") from error


def _reader(file: BinaryIO, name: str) -> Callable[..., Image]:
    head = file.read(12)
    file.seek(0)
    if reader := microscope_reader(file, name):
        return reader
    if head[:4] in tiff.MAGIC:
        return tiff.read
    if head.startswith(b"\x93NUMPY"):
        return npy.read
    if picture_kind(head):
        return raster.read
    what = "an empty file" if not head else "not a supported image file"
    raise InputError(f"{name}: {what}; allowed are {_ALLOWED}")


def _first_line(error: BaseException) -> str:
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0][:160]


def check_target(
    path: str | os.PathLike[str], image: Image, dtype: np.dtype | str | None = None
) -> str:
    """Return the format of a file to be written: "png", "jpeg", "webp", "tiff" or "npy".

    Raises
    ------
    InputError
        If the suffix is not an image suffix, or if the format cannot represent this image.
    """
    name = check_path(path)
    if not isinstance(image, Image):
        raise InputError(f"image of type {type(image).__name__}; allowed is steepest.io.Image")
    kind = SUFFIXES[check_kind(name, "image")]
    held = check_dtype(image.array.dtype if dtype is None else dtype)
    if held not in _DTYPES[kind]:
        raise InputError(
            f"{name}: {kind.upper()} files cannot hold {held} values; write a .tif or .npy file"
        )
    if kind in ("png", "jpeg", "webp"):
        channels = 1 if image.channel_axis is None else image.array.shape[-1]
        if image.axes.rstrip("C") != "YX" or channels not in (1, 3):
            raise InputError(
                f"{name}: {kind.upper()} files hold one grey or RGB image, not axes {image.axes} "
                f"of shape {image.array.shape}; write a .tif or .npy file"
            )
        if max(image.array.shape[:2]) > (most := _LONGEST.get(kind, MAX_PIXELS)):
            raise InputError(
                f"{name}: {kind.upper()} files hold up to {most} pixels along each side, not "
                f"{max(image.array.shape[:2])}; write a .png or .tif file"
            )
    if kind == "jpeg" and image.alpha is not None:
        raise InputError(f"{name}: JPEG files cannot hold transparency; write a .png or .tif file")
    if kind == "tiff" and image.axes == "X":
        raise InputError(f"{name}: TIFF files cannot hold 1-D signals; write a .npy file")
    return kind


def write_image(
    path: str | os.PathLike[str],
    image: Image | np.ndarray,
    *,
    overwrite: bool = False,
    outputs: OutputSet | None = None,
) -> None:
    """Write an image and its metadata in the format given by the file suffix.

    The file is written completely or not at all. A plain array is interpreted as a grey image
    (2-D), a colour image (last axis of length 3 or 4) or a volume. If ``outputs`` is given, the
    file appears together with the other files of that set. JPEG and WebP files have the quality 95.
    Use `not_kept` to list the metadata that the format cannot store.

    Raises
    ------
    InputError
        If the file exists and ``overwrite`` is False, or if the format cannot represent the image.
    """
    name = check_path(path)
    if not isinstance(image, Image):
        values = check_field(image, "image") if is_torch(image) else as_array(image, "image")
        image = npy.from_array(check_pixels(np.asarray(detached(values)), name), name)
    kind = check_target(path, image)
    with open_output(name, overwrite, outputs) as file:
        _write(file, image, kind)


def _write(file: BinaryIO, image: Image, kind: str) -> None:
    image = replace(image, array=check_pixels(image.array, image.name))
    if kind == "tiff":
        tiff.write(file, image)
    elif kind == "npy":
        npy.write(file, image)
    else:
        raster.write(file, image, kind)
