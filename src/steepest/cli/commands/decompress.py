"""``steepest decompress``: restore the image from a compressed file."""

from pathlib import Path
from typing import Annotated, Any

import numpy as np
from cyclopts import Parameter

from steepest.compression import MAX_PIXELS
from steepest.core.errors import InputError
from steepest.io import Image, base_name, check_kind, check_target
from steepest.io.paths import near_file

from .. import choices
from ..runner import Batch, Item
from ..sources import Source, check_targets
from ..types import Count, FileName

_SPARE = 1 << 20  # bytes in addition to 32 per pixel: more than any image needs


def decompress(
    file: Annotated[FileName, Parameter(name="FILE")],
    output: Annotated[FileName | None, Parameter(name="IMAGE")] = None,
    /,
    *,
    max_pixels: Count = MAX_PIXELS,
    writing: choices.Replacing = choices.Replacing(),
) -> Batch:
    """Restore the image from a file written by compress.

    The stored pixels are put back, and diffusion fills in the others. The image has the shape and
    dtype of the original.

    Parameters
    ----------
    file
        file written by compress, ending in .stp
    output
        image file (default: NAME.png, or NAME.tif)
    max_pixels
        largest file to read, in pixels times channels

    Examples
    --------
    steepest decompress photo.stp back.png
    steepest decompress photo.stp                      -> photo.png (floats: .tif)
    steepest decompress large.stp --max-pixels 200000000  allow larger images

    Notes
    -----
    Truncated, altered or too large files are refused.
    """
    if output is not None:
        check_kind(output, "image")

    def work(item: Item) -> None:
        from steepest.compression import decompress, read_header

        path, most = Path(file), 32 * max_pixels + _SPARE
        if not path.is_file():
            raise InputError(f"{path}: no such file{near_file(path)}")
        if (size := path.stat().st_size) > most:
            raise InputError(f"{path}: {size} bytes, too many for a compressed image")
        data = path.read_bytes()
        header = read_header(data, max_pixels=max_pixels)
        plain = header.dtype in ("uint8", "uint16") and header.channels in (1, 3)
        ending = ".png" if plain and len(header.space) == 2 else ".tif"
        target = Path(output or base_name(file) + ending)
        check_targets([target], writing.overwrite)
        blank = np.broadcast_to(np.zeros((), header.dtype), header.shape)
        check_target(target, _image(blank, header, file))
        with item.progress():
            image = _image(decompress(data, max_pixels=max_pixels), header, file)
        item.write(target, image)
        item.describe(image)
        share = f"{header.count} known, {100 * header.density:.2f} %"
        item.report("pixels", share, bytes=len(data), density=header.density)

    return Batch([Source(file)], work, overwrite=writing.overwrite)


def _image(array: np.ndarray, header: Any, name: str) -> Image:
    axes = "ZYX"[-len(header.space) :]
    if header.channel_axis is None:
        return Image(array, axes, name=name)
    return Image(np.moveaxis(array, header.channel_axis, -1), axes + "C", name=name)
