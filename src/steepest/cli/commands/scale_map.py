"""``steepest scale-map``: map the size of the structure to which each pixel belongs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

import steepest
from steepest.io import Image

from .. import choices
from ..decompositions import Decompositions, Stack
from ..grey import values_of
from ..runner import Batch, Item
from ..sizes import PixelSize, lengths_of
from ..sources import Source
from ..types import Images


def scale_map(
    *images: Images,
    pixel_size: PixelSize = None,
    grey: choices.RangeChoice = choices.RangeChoice(),
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
    of 32-bit floats (NPY for 1-D signals).

    Parameters
    ----------
    writing.output
        file, or folder for several images (default: NAME_scale here)

    Examples
    --------
    steepest scale-map cells.tif                     writes cells_scale.tif
    steepest scale-map cells.tif -o scale.tif --pixel-size 0.25
    steepest scale-map stack.tif --pixel-size 0.75,0.25,0.25  slices 0.75 um apart
    steepest scale-map grains.png --pixel-size 4nm   another unit than micrometres
    """
    values = values_of(grey)

    def blank(image: Image) -> Image:
        grey = image.of_numbers()
        return replace(grey, array=grey.array.astype(np.float32))

    def like(image: Image) -> dict[str, Image]:
        return {} if image.axes == "X" and writing.output is None else {"scale": blank(image)}

    def work(item: Item) -> None:
        image = item.read(reading, values, prepare=Image.without_copies, like=like)
        target = item.files["scale"] if like(image) else item.files["scale"].with_suffix(".npy")
        lengths = lengths_of(item, image, pixel_size, energy)
        pages = Decompositions(item, image, times, grey, energy, lengths, solver)
        middles, stack = [], Stack(image.of_numbers(), np.float32, target.parent)
        for split in pages:
            sizes = steepest.spectral.scale_map(split, "length") * lengths.pixel_size
            middles.append(float(np.median(sizes)))
            stack.add(sizes)
        item.write(target, replace(image.of_numbers(), array=stack.array))
        text = f"median {np.median(middles):.4g} {lengths.unit}"
        item.report("scale", text, median=middles if pages.series else middles[0])
        pages.certify()

    def files(source: Source) -> dict[str, Path]:
        return {"scale": source.file(writing.output, "scale", ".tif")}

    return Batch(reading.sources(images, writing.output), work, files, writing.overwrite)
