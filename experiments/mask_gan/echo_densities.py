"""Measure whether echo masks are determined by their local density."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter

from benchmarks.crops import crops
from benchmarks.sparse_masks_report import DENSITIES
from benchmarks.tables import line, write
from steepest.cli.types import Count
from steepest.grid.dithering import dither
from steepest.inpainting import masks, reconstruct

from .options import Folder

RESULTS = Path(__file__).with_name("results")
WIDTHS = (0.7, 1.0, 1.5, 2.0, 3.0)


def errors(image: np.ndarray, density: float) -> list[float]:
    """Errors: echo mask, its smoothed and dithered densities, dithered Laplacian."""
    mask = masks.echo(image, density, channel_axis=-1, rng=0)
    smooth = [gaussian_filter(mask.astype(float), width) for width in WIDTHS]
    found = [mask, *(dither(importance, int(mask.sum())) for importance in smooth)]
    found.append(masks.laplacian_dither(image, density, channel_axis=-1, rng=0))
    return [255 * reconstruct(image, one, channel_axis=-1).mae for one in found]


def densities(folder: Folder, /, *, count: Count = 20) -> None:
    """Measure whether echo masks are determined by their local density.

    Smooth echo masks by Gaussians and dither them again to the same number of pixels. The table has
    the MAE (range 0 to 255) of diffusion on centre crops of 128 x 128. It bounds the quality of a
    network that predicts the density of echo masks.

    Parameters
    ----------
    count
        crops
    """
    images = [image for _, image in crops(folder, count)]
    names = ["echo", *(f"{width:g} pixels" for width in WIDTHS), "dithered Laplacian"]
    rows = []
    for density in DENSITIES:
        means = np.mean([errors(image, density) for image in images], 0)
        rows.append((f"{density:.0%}", *(f"{mean:.2f}" for mean in means)))
        print(line(rows[-1]), flush=True)
    note = f"Means over {len(images)} crops."
    write(RESULTS / "echo_densities.md", ("density", *names), rows, note)
