"""``steepest mask``: choose a few pixels of an image to keep."""

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np

from steepest import inpainting
from steepest.inpainting.masks import METHODS
from steepest.io import Image, Metadata

from .. import choices
from ..certificates import Accuracy
from ..runner import Batch, Item
from ..sources import Source
from ..types import Density, Images, Seed, one_of


def mask(
    *images: Images,
    density: Density = 0.05,
    method: Annotated[str, one_of(METHODS)] = METHODS[0],
    seed: Seed = 0,
    tiles: choices.TilesChoice = choices.TilesChoice(),
    reading: choices.Reading = choices.Reading(),
    writing: choices.Writing = choices.Writing(),
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
    writing.output
        file, or folder for several images (default: NAME_mask.png in this folder)

    Examples
    --------
    steepest mask photo.jpg                            5 % -> photo_mask.png
    steepest mask photo.jpg --density 0.1 -o mask.png  10 %
    steepest mask photo.jpg --method laplacian-dither  faster, but lower quality
    steepest mask big.zarr -o mask.zarr                larger than memory

    Notes
    -----
    "steepest inpaint photo.jpg --known photo_mask.png" fills in the other pixels. "steepest
    compress photo.jpg" does both, with optimised values, and writes one small file.
    """
    other = None if method == METHODS[0] else method
    large = tiles.wanted(images, reading, method=other)

    def files(source: Source) -> dict[str, Path]:
        ending = source.ending_of_labels
        return {"mask": source.file(writing.output, "mask", ending, "mask")}

    def by_tiles(page: Any, keywords: dict[str, Any]) -> Any:
        plan, out = keywords.pop("tiles"), keywords.pop("out")
        first, second = (replace(plan, work=plan.work / name) for name in ("mask", "errors"))
        chosen = inpainting.masks.echo(page, density, out=out, rng=seed, tiles=first, **keywords)
        return inpainting.reconstruct(page, chosen, tiles=second, **keywords)

    def in_memory(page: Any, keywords: dict[str, Any]) -> tuple[np.ndarray, Any]:
        axis = {"channel_axis": keywords.get("channel_axis")}
        chosen = getattr(inpainting.masks, method)(page, density, rng=seed, **keywords)
        return chosen, inpainting.reconstruct(page, chosen, **axis)

    def work(item: Item) -> None:
        if large:
            image = item.read(reading)
            results = item.solve(image, by_tiles, tiles=tiles, kind="mask")
            lengths = zip(image.axes, image.array.shape, strict=True)
            size = math.prod(n for axis, n in lengths if axis != "c") / len(results)
            kept, share = sum(round(r.density * size) for r in results), results[0].density
            text = f"{kept} pixels, {100 * share:.2f} %, {method}, by tiles"
            item.report("mask", text, method=method, known=kept, density=share)
            item.certify(results, _errors, "inpainting", "pass")
            return
        image = item.read(reading, like=lambda i: {"mask": _blank(i)}, kept=False)
        chosen, restored = zip(*item.solve(image, in_memory), strict=True)
        item.write("mask", _blank(image, [np.where(m, 255, 0).astype(np.uint8) for m in chosen]))
        kept, share = sum(int(m.sum()) for m in chosen), float(np.mean(chosen))
        text = f"{kept} of {sum(m.size for m in chosen)} pixels, {100 * share:.2f} %, {method}"
        item.report("mask", text, method=method, known=kept, density=share)
        text, errors = _errors(restored)
        item.report("inpainting", text, **errors)

    sources = reading.sources(images, writing.output, large=large)
    return Batch(sources, work, files, writing.overwrite)


def _blank(image: Image, parts: list[np.ndarray] | None = None) -> Image:
    """A mask of the size of an image, without metadata."""
    return replace(image.of_numbers(parts), metadata=Metadata())


def _errors(results: Sequence[Any]) -> Accuracy:
    """The errors of images inpainted from masks, over all pixels."""
    error = float(np.mean([10 ** (-each.psnr / 10) for each in results]))  # relative, squared
    psnr = -10 * math.log10(error) if error > 0 else math.inf
    mae = float(np.mean([each.mae for each in results]))
    words = f"PSNR {psnr:.2f} dB, mean absolute error {mae:.4g}"
    return words, {"psnr": psnr, "mae": mae}
