"""Trained mask networks at several sizes: ``python -m benchmarks.mask_networks FOLDER WEIGHTS..``.

MAE (to 255) on centre crops of several sizes. First with the masks that a network makes, binarised
as in its training (additive noise: rounded), whatever their density, inpainted by its own
generator; then with exactly the density it was trained for, its most confident pixels ("ranked"):
inpainted by its generator, if it has one, and by diffusion; and diffusion from random, dithered and
echo masks of that density.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.crops import crops
from benchmarks.inpainting_solvers import RESULTS
from benchmarks.tables import line, write

from steepest.inpainting import masks, reconstruct
from steepest.learning import mask_networks
from steepest.learning.masks.weights import REGISTRY

SIDES = (32, 64, 128)
HEAD = ("network", "crops", "density", "as binarised", "ranked", "ranked, diffused", "random",
        "dithered", "echo")  # fmt: skip


def filled(network: Any, image: np.ndarray, mask: np.ndarray) -> float:
    """MAE of its own inpainting; NaN: it has none."""
    if network.generator is None:
        return float("nan")
    ours = mask_networks.fill(network, image, mask, channel_axis=-1)
    return float(np.abs(ours.astype(float) - image).mean())


def row(network: Any, images: list[np.ndarray], density: float) -> list[float]:
    """Density as binarised, then errors in the order of `HEAD`; NaN: it does not inpaint."""
    found = []
    for image in images:
        own = mask_networks.propose_mask(network, image, channel_axis=-1)
        ranked = mask_networks.propose_mask(network, image, density, channel_axis=-1)
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
    """How a network was trained, in words, and its density."""
    training = REGISTRY.read_description(path)["metadata"]["training"]
    words = f"{training['mode']} {training['density']:.0%}"
    if training["mode"] == "joint":
        words += f" {training['binarisation']}"
    return words, training["density"]


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("weights", type=Path, nargs="+")
    parser.add_argument("--count", type=int, default=50)
    parser.add_argument("--sides", type=int, nargs="+", default=SIDES)
    parser.add_argument("-o", "--output", type=Path, default=RESULTS / "mask_networks.md")
    arguments = parser.parse_args()
    rows = []
    for path in arguments.weights:
        network, (name, density) = mask_networks.load(path), name_of(path)
        for side in arguments.sides:
            images = [image for _, image in crops(arguments.folder, arguments.count, side)]
            rounded, *errors = row(network, images, density)
            cells = ["" if np.isnan(error) else f"{error:.2f}" for error in errors]
            rows.append((name, str(side), f"{rounded:.1%}", *cells))
            print(line(rows[-1]), flush=True)
    note = f"MAE to 255, means over {arguments.count} crops of so many pixels a side."
    write(arguments.output, HEAD, rows, note)


if __name__ == "__main__":
    main()
