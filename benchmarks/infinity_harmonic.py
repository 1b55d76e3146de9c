"""Infinity-harmonic inpainting: error for Aronsson's function by radius, and time.

``python -m benchmarks.infinity_harmonic`` writes ``results/inpainting/infinity_harmonic.md``. Times
are processor time of one thread, the least of three runs, for 512 x 512 pixels of the disparity map
in scikit-image's wheel with the default tolerance.
"""

from __future__ import annotations

from pathlib import Path
from time import thread_time

import numpy as np

from benchmarks.inpainting_depth import disparity
from steepest import Solver, inpaint
from steepest.inpainting import InfinityHarmonic

OUTPUT = Path(__file__).parent / "results" / "inpainting" / "infinity_harmonic.md"
RADII = (1, 2, 3, 4, 5)


def aronsson(n: int) -> np.ndarray:
    """Return ``|x|^(4/3) - |y|^(4/3)`` on [-1, 1]^2, whose infinity-Laplacian is zero."""
    x = np.abs(np.linspace(-1, 1, n)) ** (4 / 3)
    return x[None, :] - x[:, None]


def errors() -> list[str]:
    """Return the table of largest errors."""
    lines = [f"| pixels | {' | '.join(f'radius {r}' for r in RADII)} |", "|---" * 6 + "|"]
    for n in (33, 65, 129):
        exact, known = aronsson(n), np.ones((n, n), bool)
        known[1:-1, 1:-1] = False
        cells = []
        for radius in RADII:
            method = InfinityHarmonic(radius)
            filled = inpaint(exact, known, method, solver=Solver(tol=1e-8)).image
            cells.append(f"{np.abs(filled - exact).max():.4f}")
        lines.append(f"| {n} x {n} | {' | '.join(cells)} |")
    return lines


def times() -> list[str]:
    """Return the table of times."""
    depth = disparity()
    depth = np.where(np.isfinite(depth), depth, 0.0)
    depth = np.pad(depth, ((0, 12), (0, 0)), mode="reflect")[:, 100:612]
    lines = ["| known | sweeps | CPU time |", "|---|---|---|"]
    for density in (0.01, 0.02, 0.05):
        known = np.random.default_rng(0).random(depth.shape) < density
        best = np.inf
        for _ in range(3):
            begin = thread_time()
            result = inpaint(depth, known, InfinityHarmonic())
            best = min(best, thread_time() - begin)
        lines.append(f"| {100 * density:.0f} % | {result.iterations} | {best:.1f} s |")
    return lines


if __name__ == "__main__":
    text = "\n".join([*errors(), "", *times()]) + "\n"
    OUTPUT.write_text(text)
    print(text)
