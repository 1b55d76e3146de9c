"""Sparse depth: the disparity map of scikit-image's wheel from 1, 2 and 5 per cent of its pixels.

``python -m benchmarks.inpainting_depth`` writes ``results/inpainting/depth.md``: the errors over
the pixels of a detail that the map knows, the mean of three random masks, and processor time (one
thread).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from time import thread_time
from typing import Any

import numpy as np

from steepest import Solver, inpaint, inpainting

OUTPUT = Path(__file__).parent / "results" / "inpainting" / "depth.md"
METHODS: dict[str, tuple[Any, float | None]] = {  # and their tolerances
    "homogeneous diffusion": (inpainting.Diffusion(), None),
    "biharmonic": (inpainting.Biharmonic(), None),
    "edge-enhancing": (inpainting.EdgeEnhancing(), None),
}


def disparity() -> np.ndarray:
    """Return the map of the motorcycle (Middlebury 2014), in pixels; NaN where it is unknown."""
    from skimage.data import data_dir

    with np.load(Path(data_dir) / "motorcycle_disp.npz") as file:
        values = file["arr_0"].astype(np.float64)
    return np.where(np.isfinite(values), values, np.nan)


def depth_table(methods: Mapping[str, tuple[Any, float | None]]) -> list[str]:
    """Return the table of some methods."""
    truth = disparity()[100:420, 200:520]
    there = np.isfinite(truth)
    peak = truth[there].max() - truth[there].min()
    lines = [
        "Detail of the disparity map of the motorcycle, "
        f"{truth.shape[0]} x {truth.shape[1]}; PSNR relative to its range, {peak:.1f} pixels.",
        "",
        "| known | method | PSNR | mean error | median error | largest overshoot | CPU time |",
        "|---|---|---|---|---|---|---|",
    ]
    for density in (0.01, 0.02, 0.05):
        masks = [
            there & (np.random.default_rng(seed).random(truth.shape) < density) for seed in range(3)
        ]
        for name, (method, tol) in methods.items():
            rows = [measured(method, tol, truth, there, known) for known in masks]
            psnr = -10 * np.log10(np.mean([row[0] for row in rows]) / peak**2)
            mean, median, over = (np.mean([row[k] for row in rows]) for k in (1, 2, 3))
            seconds = min(row[4] for row in rows)
            lines.append(
                f"| {100 * density:.0f} % | {name} | {psnr:.2f} dB | {mean:.2f} | {median:.3f} | "
                f"{over:.1f} | {seconds:.1f} s |"
            )
            print(lines[-1], flush=True)
    return lines


def measured(
    method: Any, tol: float | None, truth: np.ndarray, there: np.ndarray, known: np.ndarray
) -> tuple[float, ...]:
    """Mean square, mean and median error, overshoot beyond the known values, seconds."""
    solver, small = Solver(tol, num_threads=1), truth[:40, :40]
    inpaint(small, np.isfinite(small), method, solver=solver)  # compile
    begin = thread_time()
    image = np.asarray(inpaint(truth, known, method, solver=solver))
    seconds = thread_time() - begin
    error = np.abs(image - truth)[there]
    over = max(image.max() - truth[known].max(), truth[known].min() - image.min(), 0.0)
    return float((error**2).mean()), float(error.mean()), float(np.median(error)), over, seconds


if __name__ == "__main__":
    OUTPUT.write_text("\n".join(depth_table(METHODS)) + "\n")
