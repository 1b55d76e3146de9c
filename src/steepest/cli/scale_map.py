"""``steepest scale-map``: map the size of the structure to which each pixel belongs."""

from __future__ import annotations

import argparse
from dataclasses import replace

import numpy as np

from steepest.io import OutputSet, check_target, write_image

from .batch import Record, run_batch
from .inputs import read, targets_of, without_copies
from .lengths import add_pixel_size, lengths_of
from .options import add_bands, add_inputs, add_model, add_outputs
from .pages import Pages, Stack
from .values import add_range, values_of

HELP = "the size of the structure at each pixel"
USAGE = "IMAGE [IMAGE ...] [options]"
DESCRIPTION = """\
A map of sizes: each pixel gets the radius of the structure that dominates there. A disc of contrast
c and radius r vanishes from the total variation flow at time t = c r / 2, so its radius follows
from time and contrast. Other shapes get the radius of the disc with the same ratio of area to
perimeter. Between structures, the map shows how far apart they are.

Sizes are in the unit of the file or of --pixel-size, else in pixels. The result is a TIFF file of
32-bit floats (NPY for 1-D signals).
"""
EPILOG = """\
examples:
  steepest scale-map cells.tif                        writes cells_scale.tif
  steepest scale-map cells.tif -o scale.tif --pixel-size 0.25
  steepest scale-map stack.tif --pixel-size 0.75,0.25,0.25      a volume, slices 0.75 um apart
  steepest scale-map film.tif --pages                 a time series: one map per page
  steepest scale-map grains.png --pixel-size 4nm      a unit other than micrometres
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``steepest scale-map``."""
    add_inputs(parser)
    add_pixel_size(parser)
    add_range(parser)
    add_bands(parser, times_only=True)
    add_model(parser, huber=False)
    add_outputs(
        parser, "file, or folder for several images (default: NAME_scale here)", images=False
    )


def run(arguments: argparse.Namespace) -> int:
    """Compute the scale map of every image."""
    values = values_of(arguments)
    targets = targets_of(arguments, "scale", ".tif")

    def work(source: str, label: str) -> Record:
        from steepest import spectral

        image, target = without_copies(read(source, arguments)), targets[source]
        if image.axes == "X" and target.suffix == ".tif" and arguments.output is None:
            target = target.with_suffix(".npy")
        axes = image.axes.removesuffix("C")
        shape = image.array.shape[: len(axes)]
        blank = np.broadcast_to(np.float32(0), shape)
        stored = image.stored_axes.replace("C", "")
        grey = replace(image, array=blank, axes=axes, stored_axes=stored, alpha=None)
        check_target(target, grey)
        record = Record(source, outputs=[target])
        record.describe(image)
        values.report(record)
        lengths = lengths_of(arguments, image)
        lengths.report(record)
        pages, middles = Pages(image, arguments, label, lengths.spacing), []
        with OutputSet(overwrite=arguments.overwrite) as outputs:
            stack = Stack(grey, np.float32, target.parent)
            for decomposition in pages:
                sizes = spectral.scale_map(decomposition, "length") * lengths.pixel_size
                middles.append(float(np.median(sizes)))
                stack.add(sizes)
            write_image(target, replace(grey, array=stack.array), outputs=outputs)
        text = f"median {np.median(middles):.4g} {lengths.unit}"
        record.tell("scale", text, median=middles if pages.series else middles[0])
        pages.certify(record)
        return record

    return run_batch(arguments, list(targets), work)
