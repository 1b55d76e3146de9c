"""Trained mask networks at several sizes."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.crops import crops
from benchmarks.tables import line, write
from steepest.cli.outcome import OK
from steepest.inpainting import masks, reconstruct

from . import fill, load, propose_mask

HELP = "networks at several sizes, and kinds of binarisation (Table 1)"
USAGE = "FOLDER WEIGHTS [WEIGHTS ...] [--count N] [--sides N ...] [-o FILE]"
DESCRIPTION = """\
Measure the MAE (range 0 to 255) on centre crops of several sizes, for:

- the network's masks, binarised as in its training (additive noise: rounded), whatever their
  density, inpainted by its own generator;
- its most confident pixels at exactly the density it was trained for ("ranked"), inpainted by its
  generator, if it has one, and by diffusion;
- diffusion from random, dithered and echo masks of that density.
"""
EPILOG = ""
SIDES = (32, 64, 128)
HEAD = ("network", "crops", "density", "as binarised", "ranked", "ranked, diffused", "random",
        "dithered", "echo")  # fmt: skip


def filled(network: Any, image: np.ndarray, mask: np.ndarray) -> float:
    """MAE of the network's own inpainting; NaN if it has no generator."""
    if network.generator is None:
        return float("nan")
    ours = fill(network, image, mask, channel_axis=-1)
    return float(np.abs(ours.astype(float) - image).mean())


def row(network: Any, images: list[np.ndarray], density: float) -> list[float]:
    """The density as binarised, then errors in the order of `HEAD` (NaN without a generator)."""
    found = []
    for image in images:
        own = propose_mask(network, image, channel_axis=-1)
        ranked = propose_mask(network, image, density, channel_axis=-1)
        compared = [
            ranked,
            masks.random(image, density, channel_axis=-1, rng=0),
            masks.laplacian_dither(image, density, channel_axis=-1, rng=0),
            masks.echo(image, density, channel_axis=-1, rng=0),
        ]
        errors = [255 * reconstruct(image, mask, channel_axis=-1).mae for mask in compared]
        learned = [filled(network, image, mask) for mask in (own, ranked)]
        found.append([own.mean(), *learned, *errors])
    return [float(x) for x in np.mean(found, 0)]


def name_of(path: Path) -> tuple[str, float]:
    """A description of a network's training, and its density."""
    from .learned_masks import training_of

    training = training_of(path)
    words = f"{training['mode']} {training['density']:.0%}"
    if training["mode"] == "joint":
        words += f" {training['binarisation']}"
    return words, training["density"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments: images, networks, sizes."""
    default = Path(__file__).with_name("results") / "sizes.md"
    add = parser.add_argument
    add("folder", type=Path, metavar="FOLDER", help="photographs to crop")
    add("weights", type=Path, nargs="+", metavar="WEIGHTS", help="weights of trained networks")
    add("--count", type=int, default=50, metavar="N", help="crops (default 50)")
    add("--sides", type=int, nargs="+", default=SIDES, metavar="N", help="default 32 64 128")
    add("-o", "--output", type=Path, default=default, metavar="FILE", help="the table (Markdown)")


def run(arguments: argparse.Namespace) -> int:
    """Measure and write the table."""
    rows = []
    for path in arguments.weights:
        network, (name, density) = load(path), name_of(path)
        for side in arguments.sides:
            images = [image for _, image in crops(arguments.folder, arguments.count, side)]
            rounded, *errors = row(network, images, density)
            cells = ["" if np.isnan(error) else f"{error:.2f}" for error in errors]
            rows.append((name, str(side), f"{rounded:.1%}", *cells))
            print(line(rows[-1]), flush=True)
    note = f"MAE (range 0 to 255), means over {arguments.count} crops; crops: side in pixels."
    write(arguments.output, HEAD, rows, note)
    return OK
