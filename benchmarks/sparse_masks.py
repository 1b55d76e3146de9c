"""Compare methods that choose pixels: ``python -m benchmarks.sparse_masks FOLDER -o RUNS``.

The tables correspond to Tables 3 and 4 of Peter (A Wasserstein GAN for joint learning of inpainting
and spatial optimisation, 2022) and include their numbers: MAE, PSNR and SSIM of homogeneous
diffusion inpainting, and the time to find the mask, on 128 x 128 centre crops of the images in
FOLDER in colour, at 5, 10 and 20 %.

The slow methods (probabilistic sparsification with nonlocal pixel exchange) run only on the first
crops; the tables also have rows of the other methods on the same crops. They are timed both with
plain conjugate gradients, the paper's kind of solver, and with the library's solver. Every
measurement is stored in RUNS and reused when the command is run again. For trained networks see
``python -m experiments.mask_gan masks``.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping
from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.classical_masks import nonlocal_pixel_exchange, probabilistic_sparsification
from benchmarks.conjugate_gradients import cold_conjugate_gradients
from benchmarks.crops import Fill, Method, crops, diffuse, measure
from benchmarks.echo_exchange import echo_exchange
from benchmarks.sparse_masks_report import DENSITIES, write
from steepest import Solver
from steepest.inpainting import masks, tonal


def _sparsified(image: np.ndarray, density: float, **options: Any) -> np.ndarray:
    return probabilistic_sparsification(image, density, channel_axis=-1, rng=0, **options)


def _exchanged(image: np.ndarray, density: float, **options: Any) -> np.ndarray:
    mask = _sparsified(image, density, **options)
    return nonlocal_pixel_exchange(image, mask, channel_axis=-1, rng=0, **options)


def _echo_exchanged(image: np.ndarray, density: float) -> np.ndarray:
    options: dict[str, Any] = {"channel_axis": -1, "rng": 0, "num_threads": 1}
    return echo_exchange(image, masks.echo(image, density, **options), **options)


def _of_library(name: str) -> Method:
    def method(image: np.ndarray, density: float) -> np.ndarray:
        choose = getattr(masks, name)
        options = {"num_threads": 1} if "num_threads" in signature(choose).parameters else {}
        return np.asarray(choose(image, density, channel_axis=-1, rng=0, **options))

    return method


PAPERS_SOLVER = {"reconstruct": cold_conjugate_gradients}
LABELS = {"laplacian_dither": "Laplacian dithering", "densify": "densification"}
FAST: dict[str, Method] = {
    **{LABELS.get(name, name): _of_library(name) for name in reversed(masks.METHODS)},
    "PS": _sparsified,
    "echo, 5 cycles of exchange": _echo_exchanged,
}


SLOW: dict[str, Method] = {"PS + NLPE": _exchanged}
OLD: dict[str, Method] = {  # the same masks, found with the paper's kind of solver
    "PS, conjugate gradients": lambda image, density: _sparsified(image, density, **PAPERS_SOLVER),
    "PS + NLPE, conjugate gradients": lambda image, density: _exchanged(
        image, density, **PAPERS_SOLVER
    ),
}


def run(
    place: Path,
    name: str,
    method: Method,
    crop: tuple[str, np.ndarray],
    density: float,
    fill: Fill | None = None,
) -> None:
    """Find a mask, measure it with the image's own and with optimal values, and store the result.

    With ``fill`` (a network's own inpainting) in place of diffusion, values are not optimised.
    """
    title, image = crop
    path = place / f"{name.replace(' ', '-')}_{density:g}_{title}.json"
    if path.is_file():
        return
    begin = time.thread_time()
    mask = method(image, density)
    middle = time.thread_time()
    record: dict[str, Any] = {
        "method": name,
        "density": density,
        "image": title,
        "seconds": middle - begin,
    }
    if fill is not None:
        record["own"] = measure(image, fill(image, mask, density))
    else:
        best = tonal(image, mask, channel_axis=-1, solver=Solver(num_threads=1))
        record["tonal_seconds"] = time.thread_time() - middle
        record["own"] = measure(image, diffuse(image, mask))
        record["tonal"] = measure(image, diffuse(image, mask, best))
    path.write_text(json.dumps(record))


def compare(
    folder: Path,
    output: Path,
    *,
    count: int = 100,
    slow: int = 10,
    old: int = 2,
    report_only: bool = False,
    more: Mapping[str, tuple[Method, Fill | None]] | None = None,
) -> None:
    """Do the missing measurements and write the tables.

    ``more``: further methods by name, each with its own inpainting (None: diffusion).
    """
    output.mkdir(parents=True, exist_ok=True)
    chosen = crops(folder, count)
    warm = chosen[0][1][:32, :32]
    others = more or {}
    fast = {**FAST, **{name: method for name, (method, _) in others.items()}}
    groups = ((fast, count), (SLOW, slow), (OLD, old))
    for methods, number in () if report_only else groups:
        for name, method in methods.items():
            method(warm, 0.2)  # compile
            _, fill = others.get(name, (method, None))
            for density in DENSITIES:
                for crop in chosen[:number]:
                    run(output, name, method, crop, density, fill)
                print(f"{name}, {density:.0%}: {min(number, len(chosen))} crops", flush=True)
    write(output, [name for name, _ in chosen])


def main() -> None:
    """Compare the methods of the library."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--count", type=int, default=100, help="number of crops for fast methods")
    parser.add_argument("--slow", type=int, default=10, help="number of crops for PS + NLPE")
    parser.add_argument("--old", type=int, default=2, help="number of crops for the paper's solver")
    parser.add_argument("--report-only", action="store_true")
    compare(**vars(parser.parse_args()))


if __name__ == "__main__":
    main()
