"""Time grids: ``python -m benchmarks.time_grids FILE ...``.

Certified and true PSNR of flows with the same number of steps on grids ``T (k / N)**q`` and on a
geometric grid, for the 256 x 256 centres of five images of scikit-image, grey, and of the files.
With ``--colour``, the files and three images of scikit-image are taken in colour.

The true error is measured against 3000 steps of the same flow, solved to a relative gap of 3e-6 in
float64. Another scheme (``over-relaxed`` in docs/solver_methods) agrees with it to 98 dB.
"""

from __future__ import annotations

import argparse
import math
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import steepest
from benchmarks.reference import cached
from benchmarks.tables import line, write
from steepest.core.grey import to_grey
from steepest.flows.time_grid import GRADING, geometric
from steepest.io import read_image

RESULTS = Path(__file__).parent / "results"
GREY = ("astronaut", "camera", "coins", "immunohistochemistry", "moon")
COLOUR = ("astronaut", "coffee", "immunohistochemistry")
SIZE, TIMES, COUNTS = 256, (0.02, 0.05, 0.2, 1.0), (5, 10, 20, 50, 100)
EXPONENTS = (1.0, 1.25, 1.5, 2.0)
TOL = 1e-3


def images(names: tuple[str, ...], files: list[Path], colour: bool) -> list[np.ndarray]:
    """Centre crops in [0, 1], float32, (rows, columns[, 3])."""
    from skimage import data

    found: list[Any] = [getattr(data, name)() for name in names]
    found += [np.asarray(read_image(file).array) for file in files]
    crops = []
    for image in found:
        y, x = ((n - SIZE) // 2 for n in image.shape[:2])
        crop = image[y : y + SIZE, x : x + SIZE].astype(np.float32)[..., :3] / 255
        crops.append(crop if colour or crop.ndim == 2 else to_grey(crop))
    return [np.ascontiguousarray(crop, np.float32) for crop in crops]


def power(last: float, count: int, exponent: float) -> steepest.TimeGrid:
    """The nodes ``last * (k / count)**exponent``."""
    return steepest.TimeGrid(tuple(last * (np.arange(1, count + 1) / count) ** exponent))


def flow(image: np.ndarray, times: Any, grid: steepest.TimeGrid, tol: float) -> Any:
    """The flow on one thread."""
    axis, solver = -1 if image.ndim == 3 else None, steepest.Solver(tol=tol, num_threads=1)
    return steepest.tv_flow(image, times, steps=grid, channel_axis=axis, solver=solver)


def references(chosen: list[np.ndarray]) -> list[Any]:
    """The flows at `TIMES`, float64 (cached)."""
    fine = power(TIMES[-1], 3000, GRADING)

    def compute(image: Any) -> Any:
        return flow(image, TIMES, fine, 3e-6).images

    doubles = [image.astype(np.float64) for image in chosen]
    return [cached("time-grids", image, partial(compute, image)) for image in doubles]


def measure(image: np.ndarray, exact: np.ndarray, last: float, grid: Any) -> tuple[float, ...]:
    """Certified and true PSNR, iterations and CPU milliseconds."""
    begin = time.thread_time()
    result = flow(image, last, grid, TOL)
    seconds = time.thread_time() - begin
    error = float(np.mean((result.images[-1] - exact) ** 2))
    return result.psnr_bound(1.0)[-1], -10 * math.log10(error), result.iterations, 1e3 * seconds


def row(chosen: list[np.ndarray], exact: list[Any], index: int, count: int) -> list[str]:
    """The uniform grid in full, and how much other grids differ from it."""
    last = TIMES[index]
    grids = [power(last, count, q) for q in EXPONENTS]
    grids.append(steepest.TimeGrid(tuple(geometric(last, count, last / 100))))
    found = np.array(
        [
            [measure(f, e[index], last, grid) for f, e in zip(chosen, exact, strict=True)]
            for grid in grids
        ]
    )
    first = found[0].mean(0)
    cells = [f"{last:g}", str(count), "{:.1f} / {:.1f}, {:.0f}, {:.0f} ms".format(*first)]
    for other in found[1:]:
        gain, work = (other - found[0]).mean(0), (other.mean(0) / first)[2]
        worst = (other - found[0]).min(0)[0]
        cells.append(f"{gain[0]:+.1f} ({worst:+.1f}) / {gain[1]:+.1f}, {100 * (work - 1):+.0f} %")
    return cells


def main() -> None:
    """Measure and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", type=Path, nargs="*")
    parser.add_argument("--colour", action="store_true")
    options = parser.parse_args()
    chosen = images(COLOUR if options.colour else GREY, options.files, options.colour)
    flow(chosen[0], 0.1)  # compiles
    exact = references(chosen)
    rows = []
    for index in range(len(TIMES)):
        for count in COUNTS:
            rows.append(row(chosen, exact, index, count))
            print(line(rows[-1]), flush=True)
    head = ("T", "N", "uniform", *(f"q = {q:g}" for q in EXPONENTS[1:]), "geometric")

    note = (
        f"Means over {len(chosen)} images of {SIZE} x {SIZE}{' in colour' * options.colour}, tol "
        f"{TOL:g}. Uniform: certified / true PSNR in dB, iterations, CPU time on one thread. Other "
        "grids: gain of certified PSNR in dB (in brackets: the image that gains least) / of true "
        "PSNR, and change of the iterations. q: nodes T (k/N)^q. Geometric: from T/100 to T."
    )
    name = "time_grids_colour.md" if options.colour else "time_grids.md"
    write(RESULTS / name, head, rows, note)


if __name__ == "__main__":
    main()
