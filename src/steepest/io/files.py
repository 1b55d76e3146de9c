"""Read and write image files. The first bytes of a file tell its format, not its name."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import numpy as np

from steepest.core.arrays import as_array, check_field
from steepest.core.errors import InputError
from steepest.core.limits import MAX_PIXELS
from steepest.core.namespace import detached, is_torch
from steepest.core.numbers import check_choice, check_count, check_flag

from . import npy, raster, tiff
from .image import Image, check_dtype, check_pixels
from .kinds import SUFFIXES, check_kind
from .outputs import OutputSet, refuse_existing
from .paths import check_path
from .samples import sample_bytes

_ALLOWED = "PNG, JPEG, BMP, TIFF and NPY files"
_DTYPES = {
    "png": ("uint8", "uint16"),
    "jpeg": ("uint8",),
    "tiff": ("uint8", "uint16", "float32", "float64"),
    "npy": ("uint8", "uint16", "float32", "float64"),
}


def read_image(
    path: str | os.PathLike[str],
    *,
    stack: str = "auto",
    channel_axis: int | str | None = "auto",
    max_pixels: int = MAX_PIXELS,
) -> Image:
    """Read a PNG, JPEG, BMP, TIFF or NPY file, or a bundled photograph ("sample:camera").

    8-bit, 16-bit and floating-point values are returned as stored. Images with a palette become
    RGB, and 1-bit images uint8; 8-bit ImageJ files with a look-up table give their grey values.
    Transparency is kept in `Image.alpha`.

    Parameters
    ----------
    stack
        What the pages of a file (or the first axis of a 3-D array) are. "volume": one 3-D image;
        "pages": separate images; "auto": a volume, unless the file says that they are times.
    channel_axis
        The axis of the stored array that holds channels, or None if there is none. "auto": as the
        file says; in NPY files, a last axis of length 3 or 4.
    max_pixels
        The largest number of pixels times channels, all pages together. Larger files are refused
        after reading the header, before memory is allocated.

    Raises
    ------
    InputError
        The file is missing, unreadable, damaged, cut short or too large, or its contents are not
        supported. Nothing in a file is ever executed (pickled NPY files are refused).
    """
    name = check_path(path)
    whole = isinstance(channel_axis, (int, np.integer)) and not isinstance(channel_axis, bool)
    known = channel_axis is None or (isinstance(channel_axis, str) and channel_axis == "auto")
    if not whole and not known:
        raise InputError(f"channel_axis={channel_axis!r}; allowed are integers, None and 'auto'")
    check_choice(stack, "stack", ("auto", "volume", "pages"))
    most = check_count(max_pixels, "max_pixels")
    data = sample_bytes(name[7:]) if name.startswith("sample:") else None
    with decoding(name), BytesIO(data) if data is not None else open(name, "rb") as file:
        reader = _reader(file, name)
        image = reader(file, name, stack, channel_axis, most)
    check_pixels(image.array, name)
    return image


@contextmanager
def decoding(name: str) -> Iterator[None]:
    """Turn all errors while decoding the file ``name`` into an InputError that names it."""
    try:
        yield
    except InputError:
        raise
    except MemoryError:
        raise InputError(f"{name}: not enough memory to read this file") from None
    except OSError as error:
        reason = error.strerror or f"damaged or not readable ({_first_line(error)})"
        raise InputError(f"{name}: {reason}") from error
    except Exception as error:  # decoders raise nearly anything on damaged files
        raise InputError(f"{name}: damaged or not readable ({_first_line(error)})") from error


def _reader(file: BinaryIO, name: str) -> Callable[..., Image]:
    head = file.read(8)
    file.seek(0)
    if head.startswith((b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"BM")):
        return raster.read
    if head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return tiff.read
    if head.startswith(b"\x93NUMPY"):
        return npy.read
    what = "an empty file" if not head else "not a supported image file"
    raise InputError(f"{name}: {what}; allowed are {_ALLOWED}")


def _first_line(error: BaseException) -> str:
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0][:160]


def check_target(
    path: str | os.PathLike[str], image: Image, dtype: np.dtype | str | None = None
) -> str:
    """The format of a file to be written: "png", "jpeg", "tiff" or "npy".

    Raises
    ------
    InputError
        The suffix is not that of an image, or the format cannot hold this image without loss.
    """
    name = check_path(path)
    if not isinstance(image, Image):
        raise InputError(f"image of type {type(image).__name__}; allowed is steepest.io.Image")
    kind = SUFFIXES[check_kind(name, "image")]
    held = image.array.dtype.name if dtype is None else check_dtype(dtype)
    if held not in _DTYPES[kind]:
        raise InputError(
            f"{name}: {kind.upper()} files cannot hold {held} values; write a .tif or .npy file"
        )
    if kind in ("png", "jpeg"):
        channels = 1 if image.channel_axis is None else image.array.shape[-1]
        if image.axes.rstrip("C") != "YX" or channels not in (1, 3):
            raise InputError(
                f"{name}: {kind.upper()} files hold one grey or RGB image, not axes {image.axes} "
                f"of shape {image.array.shape}; write a .tif or .npy file"
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
    """Write an image, with its metadata, in the format of the suffix.

    The file is written completely or not at all. A plain array is taken as a grey image (2-D), a
    colour image (last axis 3 or 4) or a volume. With ``outputs``, the file appears together with
    the others of that set. JPEG files have quality 95. `not_kept` lists the metadata that the
    format cannot hold.

    Raises
    ------
    InputError
        The file exists and ``overwrite`` is False, or the format cannot hold the image.
    """
    name, overwrite = check_path(path), check_flag(overwrite, "overwrite")
    if outputs is not None and not isinstance(outputs, OutputSet):
        raise InputError(f"outputs={outputs!r}; allowed are None and steepest.io.OutputSet")
    if not isinstance(image, Image):
        values = check_field(image, "image") if is_torch(image) else as_array(image, "image")
        image = npy.from_array(np.asarray(detached(values)), name, "auto", "auto")
    image = replace(image, array=check_pixels(image.array, image.name))
    kind = check_target(path, image)
    if outputs is None:
        refuse_existing(Path(name), overwrite)
        with OutputSet(overwrite=overwrite) as single:
            write_image(path, image, outputs=single)
        return
    with outputs.open(path) as file:
        if kind == "tiff":
            tiff.write(file, image)
        elif kind == "npy":
            npy.write(file, image)
        else:
            raster.write(file, image, kind)
