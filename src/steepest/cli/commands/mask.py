"""``steepest mask``: choose a few pixels of an image to keep."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np

import steepest
from steepest.inpainting.masks import METHODS
from steepest.io import Image, Metadata

from .. import choices
from ..certificates import Reached, duration
from ..images import to_kind, without_channels
from ..runner import Batch, Item
from ..sources import Source
from ..tiles import Tiling
from ..types import Density, FileName, FromZero, Images, one_of


def mask(
    *images: Images,
    density: Density = 0.05,
    method: Annotated[str, one_of(METHODS)] = METHODS[0],
    cycles: FromZero = 0,
    seed: FromZero = 0,
    tonal: bool = False,
    reconstruction: FileName | None = None,
    tiles: choices.TilesChoice = choices.TilesChoice(),
    reading: choices.Reading = choices.Reading(),
    writing: choices.Writing = choices.Writing(),
    reporting: choices.Reporting = choices.Reporting(),
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
        counts: list[int] = []

        def solve(part: Any, out: Any, keywords: dict[str, Any]) -> Any:
            how, axis = keywords["tiles"], keywords.get("channel_axis")
            same = {"channel_axis": axis, "on_step": keywords["on_step"]}
            first, second = (replace(how, work=how.work / name) for name in ("mask", "errors"))
            chosen = steepest.inpainting.masks.echo(
                part, density, out=out[0], rng=seed, tiles=first, **same
            )
            found = steepest.inpainting.reconstruct(part, chosen, tiles=second, **same)
            counts.append(round(found.density * math.prod(chosen.shape)))
            return found

        def report(item: Item, results: list[Any]) -> None:
            kept, share = sum(counts), results[0].density
            counts.clear()
            text = f"{kept} pixels, {100 * share:.2f} %, {method}, by tiles"
            item.tell("mask", text, method=method, known=kept, density=share)

        return Tiling(
            ["mask"], solve, report, kind="mask", certify=_ByTiles, proves="inpainting",
        ).batch(images, tiles, writing, "mask")  # fmt: skip

    def files(source: Source) -> dict[str, Path]:
        own = Path(source.name).suffix
        ending = own if own.lower() in (".tif", ".tiff", ".npy") else ".png"
        found = {"mask": source.file(writing.output, "mask", ending, "mask")}
        if reconstruction is not None:
            ending = choices.PixelChoice().suffix(source.name)
            found["reconstruction"] = source.placed(reconstruction, ending)
        return found

    def work(item: Item) -> None:
        image = item.read(
            reading, like=lambda i: {"mask": _blank(i), "reconstruction": i}, kept=False
        )
        keywords, found = {"channel_axis": image.channel_axis, "rng": seed}, list[_Found]()
        for index, part in enumerate(image.parts):
            with item.page(image, index) as keywords["on_step"]:
                found.append(_choose(part, density, method, cycles, tonal, keywords))
        white = [np.where(each.mask, 255, 0).astype(np.uint8) for each in found]
        item.write(item.files["mask"], _blank(image, white))
        if reconstruction is not None:
            content = to_kind(image, [each.best.image for each in found])
            item.write(item.files["reconstruction"], content)
        _report(item, found, method, cycles, tonal)

    sources = reading.sources(images, writing.output, reconstruction)
    return Batch(sources, work, files, writing.overwrite)


@dataclass(frozen=True)
class _Found:
    """A mask and the images inpainted from it."""

    mask: np.ndarray
    plain: Any
    best: Any


class _ByTiles(Reached):
    """The errors of the images inpainted from the masks, over all pixels."""

    step = "pass"

    @property
    def promise(self) -> str:
        return _errors(self.results)

    def as_json(self) -> dict[str, Any]:
        return {"psnr": _psnr(self.results), "mae": _mae(self.results), **super().as_json()}


def _blank(image: Image, parts: list[np.ndarray] | None = None) -> Image:
    """A mask of the size of an image, without metadata."""
    return replace(without_channels(image, parts), metadata=Metadata())


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
