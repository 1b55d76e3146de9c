"""``steepest scale-map``: map the size of the structure to which each pixel belongs."""

from dataclasses import replace
from pathlib import Path

import numpy as np

import steepest
from steepest.core.errors import InputError
from steepest.io import Image

from .. import choices
from ..decompositions import Decompositions, Stack
from ..grey import RangeChoice, values_of
from ..runner import Batch, Item
from ..sizes import Lengths, PixelSize, lengths_of
from ..sources import Source
from ..types import Images, MoreFiles

_WIDE = 0.25  # of the shorter side: what is larger is background, not a structure


def scale_map(
    *images: Images,
    picture: MoreFiles = None,
    pixel_size: PixelSize = None,
    grey: RangeChoice = RangeChoice(),
    times: choices.FlowTimes = choices.FlowTimes(),
    energy: choices.VariationChoice = choices.VariationChoice(),
    solver: choices.SolverChoice = choices.SolverChoice(),
    reading: choices.Reading = choices.Reading(),
    writing: choices.Writing = choices.Writing(),
) -> Batch:
    """The size of the structure at each pixel.

    A map of sizes: each pixel gets the radius of the structure that dominates there. A disc of
    contrast c and radius r vanishes from the total variation flow at time t = c r / 2, so its
    radius follows from time and contrast. Other shapes get the radius of the disc with the same
    ratio of area to perimeter. Between structures, the map shows how far apart they are.

    Sizes are in the unit of the file or of --pixel-size, else in pixels. The result is a TIFF file
    of 32-bit floats (NPY for 1-D signals). To look at it, use --picture.

    Parameters
    ----------
    picture
        map in colours (PNG), with a colour bar and a scale bar. Sizes above a quarter of the
        image's shorter side are background and stay blank
    writing.output
        file, or folder for several images (default: NAME_scale here)

    Examples
    --------
    steepest scale-map cells.tif                     writes cells_scale.tif
    steepest scale-map cells.tif --picture sizes.png  also in colours
    steepest scale-map cells.tif -o scale.tif --pixel-size 0.25
    steepest scale-map stack.tif --pixel-size 0.75,0.25,0.25  slices 0.75 um apart
    steepest scale-map grains.png --pixel-size 4nm   another unit than micrometres
    """
    values = values_of(grey)

    def like(image: Image) -> dict[str, Image]:
        blank = image.of_numbers(dtype=np.float32)
        return {} if image.axes == "X" and writing.output is None else {"scale": blank}

    def work(item: Item) -> None:
        image = item.read(reading, values, prepare=Image.without_copies, like=like)
        target = item.files["scale"] if like(image) else item.files["scale"].with_suffix(".npy")
        lengths = lengths_of(item, image, pixel_size, energy)
        pages = Decompositions(item, image, times, grey, energy, lengths, solver)
        middles, shares, stack = [], [], Stack(image.of_numbers(), np.float32, target.parent)
        for split in pages:
            sizes = steepest.spectral.scale_map(split, "length") * lengths.pixel_size
            own = sizes[sizes <= _widest(sizes, lengths)]
            middles.append(float(np.median(own)) if own.size else None)
            shares.append(own.size / sizes.size)
            stack.add(sizes)
        item.write(target, replace(image.of_numbers(), array=stack.array))
        if picture is not None:
            _draw(item, np.asarray(stack.array), image, lengths)
        known = [middle for middle in middles if middle is not None]
        text = f"median {np.median(known):.4g} {lengths.unit}" if known else "no structures"
        if (ground := 1 - np.mean(shares)) > 0:
            wide = f"{_widest(sizes, lengths):.3g} {lengths.unit}"
            text += f"; {100 * ground:.3g} % is background, larger than {wide}"
        item.report("scale", text, median=middles if pages.series else middles[0])
        pages.certify()

    def files(source: Source) -> dict[str, Path]:
        found = {"scale": source.file(writing.output, "scale", ".tif")}
        return found | source.more_files(picture=(picture, "_scale.png", "figure"))

    return Batch(reading.sources(images, writing.output), work, files, writing.overwrite)


def _draw(item: Item, sizes: np.ndarray, image: Image, lengths: Lengths) -> None:
    """Draw the first page, or the middle slice of a volume, in colours."""
    if image.axes == "X":
        raise InputError(f"{image.name}: a signal has no --picture; see 'steepest decompose'")
    ground = image.parts[0] if image.channel_axis is None else image.parts[0].mean(-1)
    plane = sizes[0] if image.axes.startswith("T") else sizes
    if plane.ndim == 3:
        plane, ground = plane[len(plane) // 2], ground[len(plane) // 2]
    widest = _widest(plane, lengths)
    shown = np.where(plane <= widest, plane, np.nan)
    if not np.isfinite(shown).any():
        raise InputError(
            f"{image.name}: all structures are larger than {widest:.3g} {lengths.unit}"
        )
    ratio = min(max(plane.shape[0] / plane.shape[1], 0.4), 2.0)
    title = f"{item.source.stem}: radius of structures ({lengths.unit})"
    item.draw(
        "picture", "scalar_map", shown, size=(7.0, 7.0 * ratio), pixel_size=lengths.pixel_size,
        unit=lengths.unit, ground=ground, title=title,
    )  # fmt: skip


def _widest(sizes: np.ndarray, lengths: Lengths) -> float:
    """The largest size of a structure; what is larger is background."""
    return float(_WIDE * min(sizes.shape[-2:]) * lengths.pixel_size)
