"""Decomposition until nothing is left but the mean: ``python -m benchmarks.late_times``.

Photographs of scikit-image, grey, float32, cut square and enlarged. At late times a
step is a few hundred iterations and some corrections on coarser grids. ``--most`` limits the
iterations on each coarser grid.
"""

from __future__ import annotations

import argparse
from time import perf_counter, process_time

import numpy as np
from skimage import color, data, transform

import steepest
from steepest.convex.compiled import multilevel

TUNED_ON = ("astronaut", "coffee", "chelsea", "rocket")


def enlarged(name: str, size: int) -> np.ndarray:
    """The square part of a photograph that begins at its corner, as ``size`` x ``size`` pixels."""
    photo = getattr(data, name)()
    grey = color.rgb2gray(photo) if photo.ndim == 3 else photo / 255
    side = min(grey.shape)
    return np.asarray(transform.resize(grey[:side, :side], (size, size)), np.float32)


def main() -> None:
    """Print a row for each photograph, and their sum."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=TUNED_ON)
    parser.add_argument("--size", type=int, default=768)
    parser.add_argument("--most", type=int, default=multilevel._MOST_SWEEPS)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    multilevel._MOST_SWEEPS = options.most
    solver = steepest.Solver(num_threads=options.threads)
    total = np.zeros(3)
    print(f"| {options.size}², at most {options.most} | iterations | CPU s | wall s | certified |")
    print("|---|---|---|---|---|")
    for name in options.names:
        image = enlarged(name, options.size)
        steepest.spectral.decompose(image[:64, :64], solver=solver)  # compiles
        seconds = []
        for _ in range(options.repeat):
            begin, began = process_time(), perf_counter()
            flow = steepest.spectral.decompose(image, solver=solver).flow
            seconds.append((process_time() - begin, perf_counter() - began))
        least = np.min(seconds, axis=0)
        total += flow.iterations, *least
        worst = np.min(flow.psnr_bound())
        print(
            f"| {name} | {flow.iterations} | {least[0]:.2f} | {least[1]:.2f} | {worst:.1f} dB |",
            flush=True,
        )
    print(f"| all | {total[0]:.0f} | {total[1]:.2f} | {total[2]:.2f} | |")


if __name__ == "__main__":
    main()
