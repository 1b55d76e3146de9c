"""Optimal values on few levels: ``python -m benchmarks.tonal_levels FOLDER``.

PSNR of inpaintings from an echo mask of 5 % on 128 x 128 centre crops, from three kinds of values:
the image's own, rounded to levels; the optimal values, rounded; and the optimal values on these
levels (`tonal(..., levels=)`), with the CPU time of the last.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from statistics import mean

import numpy as np

from benchmarks.crops import crops
from benchmarks.inpainting_solvers import RESULTS
from benchmarks.tables import line, write
from steepest import Solver
from steepest.inpainting import masks, reconstruct, tonal

LEVELS = (256, 64, 32, 16, 8)


def rounded(values: np.ndarray, levels: int) -> np.ndarray:
    """Values rounded to equally spaced levels in [0, 1]."""
    return np.rint(np.clip(values, 0, 1) * (levels - 1)) / (levels - 1)


def psnrs(image: np.ndarray, mask: np.ndarray, levels: int | None) -> tuple[float, ...]:
    """PSNR from own values, rounded optimal values, optimal values on levels; and seconds."""

    def psnr(values: np.ndarray) -> float:
        return reconstruct(image, mask, channel_axis=-1, values=values).psnr

    own, best = image / 255, tonal(image, mask, channel_axis=-1)
    begin = time.thread_time()
    found = tonal(image, mask, channel_axis=-1, levels=levels, solver=Solver(num_threads=1))
    seconds = time.thread_time() - begin
    if levels is not None:
        own, best = rounded(own, levels), rounded(best, levels)
    return psnr(own), psnr(best), psnr(found), seconds


def main() -> None:
    """Measure and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=10)
    arguments = parser.parse_args()
    chosen = [image for _, image in crops(arguments.folder, arguments.count)]
    found = [masks.echo(image, 0.05, channel_axis=-1, rng=0) for image in chosen]
    kinds = ("own values, rounded", "best values, rounded", "best values on levels")
    table = []
    for levels in (None, *LEVELS):
        rows = [psnrs(image, mask, levels) for image, mask in zip(chosen, found, strict=True)]
        *values, seconds = (mean(column) for column in zip(*rows, strict=True))
        cells = [f"{value:.2f}" for value in (*values, seconds)]
        table.append((str(levels or "not rounded"), *cells))
        print(line(table[-1]), flush=True)
    text = f"PSNR in dB, echo masks of 5 %, means over {len(chosen)} crops of 128 x 128 in colour."
    write(RESULTS / "tonal_levels.md", ("levels", *kinds, "seconds"), table, text)


if __name__ == "__main__":
    main()
