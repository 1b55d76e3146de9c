"""A trained mask network beside other masks: ``python -m benchmarks.mask_networks WEIGHTS FOLDER``.

Centre crops of several sizes; the network's own mask (its density comes out as it does) and random,
dithered and echo masks of the same density, each inpainted by diffusion. MAE to 255.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from benchmarks.crops import crops
from benchmarks.inpainting_solvers import RESULTS
from benchmarks.startup import describe
from steepest.inpainting import masks, reconstruct
from steepest.mask_networks import load, propose_mask


def row(network: object, images: list[np.ndarray], side: int) -> str:
    """One size: mean density of the network's masks, and mean errors."""
    found = []
    for image in images:
        first = (image.shape[0] - side) // 2
        crop = np.ascontiguousarray(image[first : first + side, first : first + side])
        own = propose_mask(network, crop, channel_axis=-1)  # type: ignore[arg-type]
        density = float(own.mean())
        rivals = [
            masks.random(crop, density, channel_axis=-1, rng=0),
            masks.laplacian_dither(crop, density, channel_axis=-1, rng=0),
            masks.echo(crop, density, channel_axis=-1, rng=0),
        ]
        errors = [255 * reconstruct(crop, m, channel_axis=-1).mae for m in (own, *rivals)]
        found.append([100 * density, *errors])
    means = np.mean(found, 0)
    return (
        f"| {side} x {side} | {means[0]:.2f} % | "
        + " | ".join(f"{m:.2f}" for m in means[1:])
        + " |"
    )


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("weights", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=30)
    arguments = parser.parse_args()
    network = load(arguments.weights)
    images = [image for _, image in crops(arguments.folder, arguments.count)]
    lines = ["| crops | density | network | random | dithered | echo |", "| --- " * 6 + "|"]
    for side in (32, 64, 128):
        lines.append(row(network, images, side))
        print(lines[-1], flush=True)
    RESULTS.mkdir(parents=True, exist_ok=True)
    text = "\n".join(
        [*lines, "", f"MAE to 255, means over {len(images)} crops.", "", describe(), ""]
    )
    (RESULTS / "mask_network.md").write_text(text)


if __name__ == "__main__":
    main()
