"""Solvers of diffusion inpainting: ``python -m benchmarks.inpainting_solvers``.

Homogeneous diffusion from 5 % of the pixels of scikit-image's astronaut, random or dithered, to a
relative residual of 1e-6. Compared are the CPU times of one thread (median of three) of steepest,
plain conjugate gradients, pyamg and SciPy's direct solver. NumPy recomputes the true residual of
every result. scikit-image's biharmonic and OpenCV's inpainting solve other equations; only their
times can be compared.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from skimage import color, data

from benchmarks.conjugate_gradients import conjugate_gradients
from benchmarks.startup import describe
from steepest import Solver, inpaint
from steepest.inpainting.masks import laplacian_dither

RESULTS = Path("benchmarks/results/inpainting")
TOLERANCE = 1e-6
Filler = Callable[[np.ndarray, np.ndarray], np.ndarray]


def photograph(side: int) -> np.ndarray:
    """The astronaut in greyscale, float64 (side, side), extended by mirroring if necessary."""
    image = color.rgb2gray(data.astronaut())
    return np.pad(image, ((0, max(side - 512, 0)),) * 2, mode="symmetric")[:side, :side]


def relative_residual(u: np.ndarray, values: np.ndarray, known: np.ndarray) -> float:
    """``|b - A u| / |b|`` for the system of the unknown pixels."""

    def apply(v: np.ndarray) -> np.ndarray:
        p = np.pad(v, 1, mode="edge")
        return 4 * v - p[:-2, 1:-1] - p[2:, 1:-1] - p[1:-1, :-2] - p[1:-1, 2:]

    unknown = ~known
    right = -apply(np.where(known, values, 0))[unknown]
    return float(np.linalg.norm(apply(u)[unknown]) / np.linalg.norm(right))


def matrix(known: np.ndarray) -> tuple[Any, Any]:
    """The system of the unknown pixels in CSR format, and its coupling to the known pixels."""
    import scipy.sparse as sp

    rows, columns = known.shape

    def chain(n: int) -> Any:
        one = np.ones(n - 1)
        diagonal = np.full(n, 2.0)
        diagonal[[0, -1]] = 1
        return sp.diags([-one, diagonal, -one], [-1, 0, 1])

    full = sp.kronsum(chain(columns), chain(rows), format="csr")
    inside = np.flatnonzero(~known.ravel())
    return full[inside][:, inside].tocsr(), full[inside][:, np.flatnonzero(known.ravel())]


def by_matrix(solve: Callable[[Any, np.ndarray], np.ndarray]) -> Filler:
    """A filler that assembles the system (which is timed as well) and passes it to ``solve``."""

    def fill(values: np.ndarray, known: np.ndarray) -> np.ndarray:
        system, coupling = matrix(known)
        out = values.copy()
        out[~known] = solve(system, -coupling @ values[known])
        return out

    return fill


def _pyamg(maker: str) -> Filler:
    import pyamg

    def solve(system: Any, right: np.ndarray) -> np.ndarray:
        hierarchy = getattr(pyamg, maker)(system)
        return np.asarray(hierarchy.solve(right, tol=TOLERANCE, accel="cg"))

    return by_matrix(solve)


def _direct(system: Any, right: np.ndarray) -> np.ndarray:
    from scipy.sparse.linalg import spsolve

    return np.asarray(spsolve(system.tocsc(), right))


def _ours(dtype: type) -> Filler:
    def fill(values: np.ndarray, known: np.ndarray) -> np.ndarray:
        image = values.astype(dtype)
        solver = Solver(tol=TOLERANCE, num_threads=1)
        return np.asarray(inpaint(image, known, solver=solver).image, np.float64)

    return fill


def _plain(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    return conjugate_gradients(values[None], known)[0]


def _biharmonic(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    from skimage.restoration import inpaint_biharmonic

    return np.asarray(inpaint_biharmonic(np.where(known, values, 0), ~known))


def _opencv(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    import cv2

    image = np.rint(255 * values).astype(np.uint8)
    return np.asarray(cv2.inpaint(image, (~known).astype(np.uint8), 3, cv2.INPAINT_TELEA)) / 255.0


def fillers(side: int) -> dict[str, tuple[Filler, bool]]:
    """Solvers by name, and whether they solve this equation; slow ones only for small images."""
    found: dict[str, tuple[Filler, bool]] = {
        "steepest, float64": (_ours(np.float64), True),
        "steepest, float32": (_ours(np.float32), True),
        "conjugate gradients, no preconditioner": (_plain, True),
        "pyamg, smoothed aggregation": (_pyamg("smoothed_aggregation_solver"), True),
        "pyamg, Ruge-Stueben": (_pyamg("ruge_stuben_solver"), True),
    }
    if side <= 512:
        found["SciPy, direct"] = (by_matrix(_direct), True)
        found["scikit-image, biharmonic"] = (_biharmonic, False)
        found["OpenCV, Telea, 8 bit"] = (_opencv, False)
    return found


def clock(fill: Filler, values: np.ndarray, known: np.ndarray, repeats: int) -> tuple[Any, float]:
    """The result and the median CPU time of this thread."""
    times = []
    for _ in range(repeats):
        begin = time.thread_time()
        result = fill(values, known)
        times.append(time.thread_time() - begin)
        if times[-1] > 5:
            break
    return result, median(times)


def compare(side: int, kind: str, repeats: int) -> list[dict[str, Any]]:
    """One row per solver."""
    values = photograph(side)
    if kind == "random":
        known = np.random.default_rng(0).random(values.shape) < 0.05
    else:
        known = laplacian_dither(values, 0.05)
    rows = []
    for name, (fill, same) in fillers(side).items():
        fill(values[:64, :64], known[:64, :64])  # compile
        result, seconds = clock(fill, values, known, repeats)
        residual = relative_residual(result, values, known) if same else None
        rows.append({"side": side, "mask": kind, "solver": name, "seconds": seconds,
                     "residual": residual})  # fmt: skip
        print(rows[-1], flush=True)
    return rows


def large(threads: int) -> dict[str, Any]:
    """Wall-clock time for a colour photograph of 3840 x 2160."""
    grey = photograph(3840)[:2160]
    values = np.stack([grey, grey**1.5, np.sqrt(grey)], -1).astype(np.float32)
    known = np.random.default_rng(0).random(grey.shape) < 0.05
    begin = time.perf_counter()
    solver = Solver(tol=TOLERANCE, num_threads=threads)
    result = inpaint(values, known, channel_axis=-1, solver=solver)
    seconds = time.perf_counter() - begin
    row = {"threads": threads, "seconds": seconds, "residual": result.residual}
    print(row, flush=True)
    return row


def write(rows: list[dict[str, Any]], big: list[dict[str, Any]]) -> None:
    """Write the results as Markdown and JSON."""
    lines = ["| solver | image | mask | seconds | x steepest | relative residual |",
             "| --- | --- | --- | --- | --- | --- |"]  # fmt: skip
    for row in rows:
        ours = next(
            r["seconds"] for r in rows
            if (r["side"], r["mask"], r["solver"])
            == (row["side"], row["mask"], "steepest, float64")
        )  # fmt: skip
        residual = "another equation" if row["residual"] is None else f"{row['residual']:.1e}"
        lines.append(
            f"| {row['solver']} | {row['side']}² | {row['mask']} | {row['seconds']:.3g} "
            f"| {row['seconds'] / ours:.2g} | {residual} |"
        )
    lines += ["", "3840 x 2160 in colour, float32, 5 % random, wall clock:", ""]
    lines += [f"- {b['threads']} thread(s): {b['seconds']:.2f} s, residual {b['residual']:.1e}"
              for b in big]  # fmt: skip
    lines += ["", "5 % of the pixels known. CPU seconds of one thread, median of three.", ""]
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / "solvers.md").write_text("\n".join([*lines, describe(), ""]))
    machine = {"machine": describe(), "rows": rows, "large": big}
    (RESULTS / "solvers.json").write_text(json.dumps(machine, indent=1) + "\n")


def main() -> None:
    """Run all and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sides", type=int, nargs="+", default=[512, 2048])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--no-large", action="store_true")
    arguments = parser.parse_args()
    rows = [
        row
        for side in arguments.sides
        for kind in ("random", "dithered")
        for row in compare(side, kind, arguments.repeats)
    ]
    write(rows, [] if arguments.no_large else [large(1), large(2)])


if __name__ == "__main__":
    main()
