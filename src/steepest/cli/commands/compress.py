"""``steepest compress``: compress an image by storing a few of its pixels."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from steepest.core.errors import InputError
from steepest.inpainting.masks import METHODS
from steepest.io import check_kind

from .. import choices
from ..extras import need
from ..runner import Batch, Item
from ..sources import find_sources
from ..types import Count, Density, FileName, Positive, Seed, one_of

_DENSITY = 0.05


def compress(
    image: Annotated[FileName, Parameter(name="IMAGE")],
    output: Annotated[FileName | None, Parameter(name="FILE")] = None,
    /,
    *,
    density: Density | None = None,
    size: Annotated[Count | None, Parameter(metavar="BYTES")] = None,
    psnr: Annotated[Positive | None, Parameter(metavar="DB")] = None,
    levels: Count | None = None,
    mask: Annotated[str, one_of(METHODS)] = METHODS[0],
    no_tonal: bool = False,
    seed: Seed = 0,
    reading: choices.FileReading = choices.FileReading(),
    writing: choices.Replacing = choices.Replacing(),
) -> Batch:
    """Compress an image by storing a few of its pixels (sparse inpainting).

    Store a few well-chosen pixels; "steepest decompress" fills in the others by diffusion. The
    reported size is that of the whole file: positions and values of the pixels, header and
    checksum.

    One image is compressed at a time, into a file ending in .stp. Transparency and metadata are not
    kept.

    Parameters
    ----------
    image
        image file, or sample:camera
    output
        file to write, ending in .stp (default: NAME.stp here)
    density
        share of the pixels to keep (default 0.05)
    size
        largest size of the file
    psnr
        lowest PSNR
    levels
        values per channel, 2 to 256 (default: chosen from the error of the inpainting)
    mask
        how to choose the pixels
    no_tonal
        store the original pixel values instead of optimised ones

    Examples
    --------
    steepest compress photo.png photo.stp                 keep 5 % of the pixels
    steepest compress photo.png photo.stp --size 20000    the best in 20,000 bytes
    steepest compress photo.png photo.stp --psnr 30       smallest file with 30 dB
    steepest compress sample:camera --mask laplacian-dither  fast -> camera.stp
    """
    choices.only_one(density=density, size=size, psnr=psnr)
    need("steepest compress", "compression")
    source = find_sources([image])[0]
    if source.name != image:
        raise InputError(f"{image}: one image is compressed at a time")
    target = Path(output or f"{source.stem}.stp")
    check_kind(target, "compressed image")

    def work(item: Item) -> None:
        from steepest.compression import pack

        content = item.read(reading, kept=False)
        if content.axes.startswith("T"):
            raise InputError(f"{image}: has several pages; one image is compressed at a time")
        with item.progress() as on_step:
            packed = pack(
                content.array, density or (None if size or psnr else _DENSITY), max_bytes=size,
                psnr=psnr, levels=levels, mask_method=mask, tonal=not no_tonal, rng=seed,
                channel_axis=content.channel_axis, on_step=on_step,
            )  # fmt: skip
        item.write(target, packed.data)
        held, header, bits = len(packed.data), packed.header, packed.bits_per_pixel
        text = f"{held} bytes, {bits:.3f} bits/pixel, 1 : {content.array.nbytes / held:.1f}"
        item.report("size", text, bytes=held, bits_per_pixel=bits)
        text = f"{header.count} kept, {100 * packed.density:.2f} %, {header.levels} levels"
        own = {"density": packed.density, "known": header.count, "levels": header.levels}
        item.report("pixels", text, **own)
        item.report("quality", f"PSNR {packed.psnr:.2f} dB", psnr=packed.psnr)
        if content.alpha is not None:
            item.report("note", "transparency is not kept")

    return Batch([source], work, lambda source: {"compressed": target}, writing.overwrite)
