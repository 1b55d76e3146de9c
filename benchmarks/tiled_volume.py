"""A volume larger than the memory limit, denoised by tiles: time, memory and certificate.

    python -m benchmarks.tiled_volume --shape 128,384,384 --memory 300MB --folder /tmp/volume

The volume (uint8, OME-Zarr) is made of balls and noise, slab by slab. Prints one line of JSON.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from time import perf_counter

import numpy as np

from steepest import Tiles, denoise_tv
from steepest.io import StoredImage, create_store, open_store

from .tiled import Peak


def make_volume(path: Path, shape: tuple[int, ...]) -> None:
    """Balls of several sizes and grey values on a lattice, with noise."""
    rng = np.random.default_rng(0)
    empty = np.broadcast_to(np.uint8(0), shape)
    like = StoredImage(empty, "zyx", (1.0,) * 3, (0.0,) * 3, ("micrometer",) * 3, "balls", "0.5")
    y, x = np.ogrid[: shape[1], : shape[2]]
    with create_store(path, like) as image:
        for z in range(shape[0]):
            radius = 8 + 3 * ((y // 64 + x // 64 + z // 64) % 6)
            inside = (y % 64 - 32) ** 2 + (x % 64 - 32) ** 2 + (z % 64 - 32) ** 2 < radius**2
            slab = 0.3 + 0.4 * inside + rng.normal(0, 0.08, shape[1:])
            image.array[z] = np.rint(255 * np.clip(slab, 0, 1))


def main() -> None:
    """Make the volume if needed, denoise it and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shape", default="128,384,384")
    parser.add_argument("--memory", default="300MB")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--strength", type=float, default=0.1)
    parser.add_argument("--folder", default="/tmp/volume")
    arguments = parser.parse_args()
    shape, folder = tuple(map(int, arguments.shape.split(","))), Path(arguments.folder)
    source = folder / f"balls-{arguments.shape}.zarr"
    if not source.exists():
        make_volume(source, shape)
    small = np.random.default_rng(0).random((40, 40, 40), np.float32)
    denoise_tv(small, 0.1, tiles=Tiles())  # compile
    image, peak, start, passes = open_store(source), Peak(), perf_counter(), set[str]()
    with create_store(folder / "out.zarr", image, overwrite=True) as out:
        result = denoise_tv(
            image.array, arguments.strength, out=out.array,
            tiles=Tiles(arguments.memory, num_workers=arguments.workers),
            on_step=lambda step: passes.add(step.stage),
        )  # fmt: skip
    wall = perf_counter() - start
    found = {
        **vars(arguments),
        "wall_s": round(wall),
        "ns_per_pixel": round(1e9 * wall / np.prod(shape)),
        "gap": result.gap,
        "psnr_bound": round(float(result.psnr_bound()), 1),
        "iterations": result.iterations,
        "passes": len(passes) - 1,
        **{key: round(value) for key, value in peak.stop().items()},
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
