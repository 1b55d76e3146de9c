"""Table 1: the joint space-time optimisation, on a few images."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from shutil import which
from typing import Any

import numpy as np

from . import paper
from .measurements import Measurement, Pair, compare_stacks
from .methods import Method
from .paper import SIZES, Figure
from .table import Cell, Row, Scores, Table
from .truth import NUM_TIMES, STEP, TIMES, TruthSource, time_derivative
from .units import CONTRAST

LABEL = "joint"
COUNTS = {"32": 6, "96": 6, "256": 3}
"""Default number of images of each size: the optimisation takes minutes to hours per image."""
_WORTH_COMPILING = 96 * 96  # pixels


def run_joint(
    image: np.ndarray, num_iter: int | None = None, **options: Any
) -> tuple[np.ndarray, np.ndarray]:
    """``u`` and ``div phi``, (50, H, W), by ``num_iter`` iterations (None: the paper's number).

    ``options`` are those of `joint_optimisation`. The code is compiled if the image is large enough
    and a C++ compiler is available.
    """
    from torch import as_tensor

    from steepest.learning.flows.fields import divergence

    from .joint_optimisation import joint_optimisation

    compiled = image.size >= _WORTH_COMPILING and which("c++") is not None
    result = joint_optimisation(image, TIMES, num_iter=num_iter, compiled=compiled, **options)
    return result.images, divergence(as_tensor(result.flux))[:, 0].numpy()


def joint(
    truth: TruthSource,
    solve: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]] = run_joint,
) -> Measurement:
    """The optimisation compared with the solver, in the columns "u" and "div phi".

    Measured as in :func:`~.measurements.solution` and :func:`~.measurements.divergence` (on the
    paper's scale). The method given to ``compare`` is ignored.
    """
    times = STEP * np.arange(NUM_TIMES + 1)

    def compare(method: Method, image: np.ndarray, frames: np.ndarray) -> dict[str, Pair]:
        ours, fields = solve(image)
        velocity = time_derivative(frames, STEP) / CONTRAST
        return {
            "u": compare_stacks(ours, frames[:-1]),
            "div phi": compare_stacks(fields / CONTRAST, velocity),
        }

    return Measurement(LABEL, lambda image: truth(image, times).frames, compare)


def table_1(scores: Mapping[str, Mapping[str, Scores]]) -> Table:
    """Table 1 from the scores of each size: means and standard deviations over the images."""
    known = paper.table(1)
    rows = []
    for name, field, kind in (
        ("u, PSNR", "u", "psnr"),
        ("u, SSIM", "u", "ssim"),
        ("div phi, PSNR", "div phi", "psnr"),
        ("div phi, SSIM", "div phi", "ssim"),
    ):
        cells = []
        for size in SIZES:
            found = scores.get(size, {}).get(field)
            values = getattr(found, kind) if found else ()
            cells.append(Cell(_figure(values), known[LABEL, name, size]))
        rows.append(Row(LABEL, name, tuple(cells)))
    counts = ", ".join(f"{len(s['u'].psnr)} at {size}" for size, s in scores.items())
    notes = (
        f"Images: {counts}. Mean and standard deviation over the images. With the default eps of "
        "`joint_optimisation`; joint.md has the paper's beside it.",
    )
    title = "Table 1: Joint space-time optimisation"
    return Table("table-1", title, "dB or SSIM", SIZES, tuple(rows), notes)


def _figure(values: tuple[float, ...]) -> Figure | None:
    if not values:
        return None
    mean = Figure(float(np.mean(values)))
    return replace(mean, spread=float(np.std(values, ddof=1))) if len(values) > 1 else mean
