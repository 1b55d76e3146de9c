"""``steepest mask``: choose a few pixels of an image to keep."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from cyclopts import Parameter

from steepest.inpainting.masks import METHODS
from steepest.io import Image

from ..certificates import Reached, duration
from ..choices import PixelChoice, Reading, Reporting, TilesChoice, Writing
from ..images import to_kind
from ..runner import Batch, Item
from ..sources import Source
from ..tiles import Tiling
from ..types import Density, FromZero, Images, one_of


def mask(
    *images: Images,
    density: Density = 0.05,
    method: Annotated[str, one_of(METHODS)] = METHODS[0],
    cycles: FromZero = 0,
    seed: FromZero = 0,
    tonal: bool = False,
    reconstruction: Annotated[str | None, Parameter(metavar="PATH")] = None,
    tiles: TilesChoice = TilesChoice(),
    reading: Reading = Reading(),
    writing: Writing = Writing(),
    reporting: Reporting = Reporting(),
) -> Batch:
    """Choose a few pixels from which the rest can be inpainted well.

    Choose which pixels of an image to keep, so that homogeneous diffusion restores the others as
    well as possible. The mask is an 8-bit image: 255 for pixels to keep, 0 for the others.

    Parameters
    ----------
    density
        share of pixels to keep
    method
        how the pixels are chosen
    cycles
        afterwards, try N pixel exchanges per kept pixel
    seed
        random seed
    tonal
        reconstruct from optimised values at the mask, not from those of the image
    reconstruction
        also write the inpainted image: file, or folder
    writing.output
        file, or folder for several images (default: NAME_mask.png in this folder)

    Examples
    --------
    steepest mask photo.jpg                                    5 % of the pixels -> photo_mask.png
    steepest mask photo.jpg --density 0.1 -o mask.png          10 %
    steepest mask sample:coffee --reconstruction coffee.png    also write the inpainted image
    steepest mask photo.jpg --tonal --reconstruction best.png  with optimised pixel values
    steepest mask photo.jpg --method laplacian-dither          faster, but lower quality
    steepest mask photos/ -o masks --cycles 2                  slower, but better
    steepest mask big.zarr -o mask.zarr --memory 2GB           larger than memory, tile by tile

    Notes
    -----
    "steepest inpaint photo.jpg --known photo_mask.png" fills in the other pixels. "steepest
    compress photo.jpg" does both and writes one small file.
    """
    whole = {"cycles": cycles or None, "tonal": tonal, "reconstruction": reconstruction}
    other = None if method == METHODS[0] else method
    if tiles.wanted(images, reading, method=other, **whole):
        return _tiled(density, method, seed).batch(images, tiles, writing, "mask")

    def files(source: Source) -> dict[str, Path]:
        own = Path(source.name).suffix
        ending = own if own.lower() in (".tif", ".tiff", ".npy") else ".png"
        found = {"mask": source.file(writing.output, "mask", ending, "mask")}
        if reconstruction is not None:
            ending = PixelChoice().suffix(source.name)
            found["reconstruction"] = source.placed(reconstruction, ending)
        return found

    def like(image: Image) -> dict[str, Image]:
        space = image.parts[0].shape[: len(image.space)]
        blank = [np.zeros(space, bool) for _ in image.parts]
        return {"mask": _mask_image(image, blank), "reconstruction": image}

    def work(item: Item) -> None:
        image = item.read(reading, like=like, kept=False)
        options = {"channel_axis": image.channel_axis, "rng": seed}
        found = []
        for index, part in enumerate(image.parts):
            with item.page(image, index) as on_step:
                keywords = {**options, "on_step": on_step}
                found.append(_choose(part, density, method, cycles, tonal, keywords))
        item.write(item.files["mask"], _mask_image(image, [each.mask for each in found]))
        if "reconstruction" in item.files:
            content = to_kind(image, [each.best.image for each in found])
            item.write(item.files["reconstruction"], content)
        _report(item, found, method, cycles, tonal)

    return Batch(
        reading.sources(images, writing.output, reconstruction), work, files, writing.overwrite
    )


@dataclass(frozen=True)
class _Found:
    """A mask and the images inpainted from it."""

    mask: np.ndarray
    plain: Any
    best: Any


def _tiled(density: float, method: str, seed: int) -> Tiling:
    from steepest import tiled

    def solve(part: Any, out: Any, keywords: dict[str, Any]) -> Any:
        return tiled.echo(part, density, out[0], rng=seed, **keywords)

    def report(item: Item, results: list[Any]) -> None:
        kept, share = sum(each.known for each in results), results[0].density
        text = f"{kept} pixels, {100 * share:.2f} %, {method}, by tiles"
        item.tell("mask", text, method=method, known=kept, density=share)

    return Tiling(["mask"], solve, report, kind="mask", certify=_ByTiles, proves="inpainting")


class _ByTiles(Reached):
    """The errors of the images inpainted from the masks, over all pixels."""

    step = ("pass", "passes")

    @property
    def promise(self) -> str:
        return _errors(self.results)

    def as_json(self) -> dict[str, Any]:
        return {"psnr": _psnr(self.results), "mae": _mae(self.results), **super().as_json()}


def _mask_image(image: Image, masks: list[np.ndarray]) -> Image:
    """Convert the masks to an image without channels and metadata."""
    white = [mask.astype(np.uint8) * np.uint8(255) for mask in masks]
    axes = image.axes.removesuffix("C")
    return Image(np.stack(white) if axes.startswith("T") else white[0], axes, name=image.name)


def _choose(
    part: np.ndarray, density: float, method: str, cycles: int, tonal: bool, options: dict[str, Any]
) -> _Found:
    from steepest import inpainting
    from steepest.inpainting import masks, reconstruct

    axis = {"channel_axis": options["channel_axis"]}
    mask = getattr(masks, method)(part, density, **options)
    if cycles:
        mask = masks.echo_exchange(part, mask, cycles=cycles, **options)
    plain = best = reconstruct(part, mask, **axis)
    if tonal:
        values = inpainting.tonal(part, mask, on_step=options["on_step"], **axis)
        best = reconstruct(part, mask, values=values, **axis)
    return _Found(mask, plain, best)


def _report(item: Item, found: list[_Found], method: str, cycles: int, tonal: bool) -> None:
    kept = sum(int(each.mask.sum()) for each in found)
    size = sum(each.mask.size for each in found)
    words = method + (f", {cycles} cycles" if cycles else "")
    best = [each.best for each in found]
    before, after = _psnr([each.plain for each in found]), _psnr(best)
    told = tonal and math.isfinite(before)
    gain = f" ({after - before:+.2f} dB by tonal optimisation)" if told else ""
    item.lines += [
        ("mask", f"{kept} of {size} pixels, {100 * kept / size:.2f} %, {words}"),
        ("inpainting", _errors(best) + gain),
        ("time", duration(item.seconds)),
    ]
    item.values.update(
        method=method, cycles=cycles, tonal=tonal, known=kept, density=kept / size, psnr=after,
        mae=_mae(best), seconds=item.seconds,
    )  # fmt: skip


def _errors(results: Sequence[Any]) -> str:
    return f"PSNR {_psnr(results):.2f} dB, mean absolute error {_mae(results):.4g}"


def _mae(results: Sequence[Any]) -> float:
    return float(np.mean([each.mae for each in results]))


def _psnr(results: Sequence[Any]) -> float:
    """Return the PSNR in dB; for several pages, from the mean of their relative squared errors."""
    error = float(np.mean([10 ** (-each.psnr / 10) for each in results]))
    return -10 * math.log10(error) if error > 0 else math.inf
