"""Read and write TIFF files with tifffile: single images, volumes, ImageJ and OME files."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, BinaryIO

import numpy as np
import tifffile

from steepest.core.errors import InputError
from steepest.core.limits import check_size

from .image import ANY, Image, Request, assemble, file_axes, label_axes
from .pictures import open_picture
from .tiff_checks import JPEG, check_page_count, check_pages, check_segments, check_tables
from .tiff_metadata import add_metadata, is_colour, is_look_up_table, layout, read_metadata
from .upright import turned

MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
"""The first four bytes of TIFF and BigTIFF files."""
_IGNORED: dict[str, Any] = {"is_mmstack": False, "is_ndtiff": False, "is_ndpi": False}
"""Kinds of TIFF files that refer to other files or use other tables; their support is disabled."""
_PALETTE, _WHITE_IS_ZERO, _GREY, _RGB, _YCBCR, _CMYK = 3, 0, 1, 2, 6, 5


@contextmanager
def open_tiff(file: BinaryIO, name: str, max_pixels: int) -> Iterator[tifffile.TiffFile]:
    """Open a TIFF file after checking the sizes it declares. No other file is opened."""
    declared = check_tables(file, name, max_pixels)
    file.seek(0)
    with tifffile.TiffFile(file, _multifile=False, **_IGNORED) as tif:
        check_page_count(tif, declared, name)
        yield tif


def read(file: BinaryIO, name: str, request: Request) -> Image:
    """Read a TIFF file with one image, or with pages of the same shape and type."""
    max_pixels = request.max_pixels
    with open_tiff(file, name, max_pixels) as tif:
        series = _series(tif, name, request)
        page = series.keyframe
        photometric = int(page.photometric)
        if photometric not in (_PALETTE, _WHITE_IS_ZERO, _GREY, _RGB, _YCBCR, _CMYK):
            raise InputError(
                f"{name}: colours in {page.photometric.name}; allowed are grey, RGB, CMYK, palettes"
            )
        array, stored = _pixels(series, tif, file, name, max_pixels)
        extra = len(page.extrasamples) if photometric == _RGB or _grey_alpha(page) else 0
        metadata = read_metadata(tif, page)
        look_up_table = tif.is_imagej and is_look_up_table(page.colormap)
        if photometric == _PALETTE and page.colormap is not None and not look_up_table:
            check_size((array.size, 3), max_pixels, f"{name}:")
            array, stored = _apply_palette(array, page.colormap, page.bitspersample), stored + "C"
        elif photometric == _WHITE_IS_ZERO and array.dtype.kind in "bu":
            array = np.invert(array)
    if request.channel_axis != "auto":
        stored = label_axes(array.shape, request.stack, request.channel_axis, name)
        extra = 0
    else:
        stored = file_axes(stored, request.stack, name)
    if metadata.orientation > 1 and {*"YX"} <= {*stored}:
        places = [stored.index(axis) for axis in "YX"]
        turn = turned(np.moveaxis(array, places, (0, 1)), metadata.orientation)
        array = np.moveaxis(turn, (0, 1), places)
    image = assemble(array, stored, name, "tiff", extra, metadata=metadata)
    if photometric == _CMYK and image.array.shape[-1:] == (4,):
        image = _of_inks(image)
    if photometric in (_RGB, _YCBCR, _CMYK) and image.channel_axis is not None:
        # planar RGB is written as contiguous RGB
        return replace(image, stored_axes=image.stored_axes.replace("C", "") + "C")
    return image


def _grey_alpha(page: Any) -> bool:
    """Whether a page is grey with one alpha sample (1: associated, 2: unassociated)."""
    return page.samplesperpixel == 2 and [int(kind) for kind in page.extrasamples] in ([1], [2])


def _of_inks(image: Image) -> Image:
    """Four inks as RGB, for the eye: a colour profile is not used."""
    array, kind = image.array, image.array.dtype
    if kind.kind != "u":
        raise InputError(f"{image.name}: CMYK of {kind}; allowed are 8 and 16 bits")
    white = np.iinfo(kind).max - array.astype(np.float32)
    colours = np.rint(white[..., :3] * white[..., 3:] / np.iinfo(kind).max).astype(kind)
    metadata = replace(image.metadata, icc_profile=None, changed=("CMYK as RGB",))
    return replace(image, array=colours, metadata=metadata)


def _series(tif: tifffile.TiffFile, name: str, request: Request = ANY) -> Any:
    full = [series for series in tif.series if not series.keyframe.is_reduced]
    if not full:
        raise InputError(f"{name}: holds no image")
    sizes = [" x ".join(map(str, each.shape)) for each in full]
    return full[request.choose(sizes, name)]


def _pixels(
    series: Any, tif: tifffile.TiffFile, file: BinaryIO, name: str, max_pixels: int
) -> tuple[np.ndarray, str]:
    """Read the pixels and axes of a series, using Pillow where tifffile lacks a decoder."""
    check_size(series.shape, max_pixels, f"{name}:")
    check_pages(series, tif, name)
    check_segments(series, file, name)
    jpeg = series.keyframe.compression in JPEG
    if not jpeg:  # imagecodecs would believe the headers within the file
        try:
            # zeros, because pixels that a damaged file leaves out would be those of other memory
            return series.asarray(out=np.zeros(series.shape, series.dtype)), series.axes
        except (KeyError, ValueError) as error:
            if "imagecodecs" not in str(error):
                raise
    pages = _pages_by_pillow(file, series, name, max_pixels)
    if int(np.prod(series.shape)) != sum(page.size for page in pages):
        hint = "" if jpeg else "; more kinds are after pip install imagecodecs"
        compression = series.keyframe.compression.name
        raise InputError(f"{name}: {compression}-compressed TIFF of this kind is not read{hint}")
    axes, shape = series.axes, list(series.shape)
    if series.keyframe.planarconfig == 2 and "S" in axes:  # Pillow puts the samples last
        shape.append(shape.pop(axes.index("S")))
        axes = axes.replace("S", "") + "S"
    return np.stack(pages).reshape(shape), axes


def stored_pixels(tif: tifffile.TiffFile, file: BinaryIO, name: str, max_pixels: int) -> np.ndarray:
    """Read the numbers as stored, without inverting them or applying a palette."""
    series = _series(tif, name)
    pixels, axes = _pixels(series, tif, file, name, max_pixels)
    turn = series.keyframe.tags.valueof(274, default=1)
    return turned(pixels, turn) if axes.startswith("YX") else pixels


def _pages_by_pillow(file: BinaryIO, series: Any, name: str, max_pixels: int) -> list[np.ndarray]:
    """Decode pages with libtiff through Pillow; none if that would change the numbers."""
    modes = {"L": np.uint8, "RGB": np.uint8, "RGBA": np.uint8, "I;16": np.uint16, "F": np.float32}
    pages = []
    with open_picture(file, name, max_pixels) as picture:
        for index in [page.index for page in series.pages]:
            picture.seek(index)
            exact = modes.get(picture.mode)
            if exact is None or series.dtype != exact:
                return []
            # Pillow turns pages upright; undo this to get the stored rows.
            turn = series.keyframe.tags.valueof(274, default=1)
            pixels = turned(np.array(picture).astype(exact), {6: 8, 8: 6}.get(turn, turn))
            # Pillow inverts 8-bit pages in which 0 is white; undo this to get the stored numbers.
            inverted = picture.mode == "L" and series.keyframe.photometric == _WHITE_IS_ZERO
            pages.append(np.invert(pixels) if inverted else pixels)
    return pages


def _apply_palette(array: np.ndarray, colormap: np.ndarray, bits: int) -> np.ndarray:
    """Convert palette indices to RGB; to uint8 if the 16-bit palette has 8 significant bits."""
    table = np.moveaxis(np.asarray(colormap, dtype=np.uint16), 0, -1)
    eight = bits <= 8 and bool(np.all((table % 257 == 0) | (table % 256 == 0)))
    colours = table[array]
    return (colours >> 8).astype(np.uint8) if eight else colours


def write(file: BinaryIO, image: Image) -> None:
    """Write an uncompressed TIFF file with the metadata of the image."""
    array, axes = layout(image)
    options: dict[str, Any] = {"software": "steepest"}
    if image.metadata.icc_profile:
        options["iccprofile"] = image.metadata.icc_profile
    options["photometric"] = "rgb" if is_colour(image) else "minisblack"
    if axes.endswith("S"):
        options["planarconfig"] = "contig"
        count = 0 if image.alpha is None else image.alpha.shape[-1]
        options["extrasamples"] = ["unassalpha"] * min(count, 1) + [0] * max(count - 1, 0)
    add_metadata(options, image, array, axes)
    tifffile.imwrite(file, np.ascontiguousarray(array), **options)
