"""Trained mask networks at several sizes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import numpy as np
from cyclopts import Parameter

from benchmarks.crops import crops
from benchmarks.tables import line, write
from steepest.cli.types import Count
from steepest.inpainting import masks, reconstruct

from . import fill, load, propose_mask
from .options import Folder, Weights

SIDES = [32, 64, 128]
TABLE = Path(__file__).with_name("results") / "sizes.md"
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


def sizes(
    folder: Folder,
    /,
    *weights: Weights,
    count: Count = 50,
    sides: Annotated[list[int], Parameter(consume_multiple=True)] = SIDES,
    output: Annotated[Path, Parameter(alias="-o")] = TABLE,
) -> None:
    """Networks at several sizes, and kinds of binarisation (Table 1).

    Measure the MAE (range 0 to 255) on centre crops of several sizes, for

      - the network's masks, binarised as in its training (additive noise: rounded), whatever their
        density, inpainted by its own generator;
      - its most confident pixels at exactly the density it was trained for ("ranked"), inpainted by
        its generator, if it has one, and by diffusion;
      - diffusion from random, dithered and echo masks of that density.

    Parameters
    ----------
    count
        crops
    sides
        sides of the crops
    output
        the table (Markdown)
    """
    rows = []
    for path in weights:
        network, (name, density) = load(path), name_of(path)
        for side in sides:
            images = [image for _, image in crops(folder, count, side)]
            rounded, *errors = row(network, images, density)
            cells = ["" if np.isnan(error) else f"{error:.2f}" for error in errors]
            rows.append((name, str(side), f"{rounded:.1%}", *cells))
            print(line(rows[-1]), flush=True)
    note = f"MAE (range 0 to 255), means over {count} crops; crops: side in pixels."
    write(output, HEAD, rows, note)
