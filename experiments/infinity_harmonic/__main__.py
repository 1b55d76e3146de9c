"""Infinity-harmonic inpainting: error by radius, time, and errors beside other methods.

``python -m experiments.infinity_harmonic`` writes ``results/aronsson.md``, ``results/surfaces.md``
and ``results/depth.md``. Times are processor time of one thread, the least of three runs, for
512 x 512 pixels of the disparity map in scikit-image's wheel with the default tolerance.
"""

from __future__ import annotations

from pathlib import Path
from time import thread_time

import numpy as np

from benchmarks.inpainting_depth import depth_table, disparity
from steepest import Solver, inpaint, inpainting

from .method import InfinityHarmonic

RESULTS = Path(__file__).parent / "results"
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


def heights() -> dict[str, np.ndarray]:
    """Return surfaces (110, 110) with values from 0 to about 1."""
    y, x = np.mgrid[-1:1:110j, -1:1:110j]
    frequency = np.fft.fftfreq(110)
    decay = (np.hypot(frequency[:, None], frequency) + 1 / 440) ** -2
    noise = np.random.default_rng(0).standard_normal((110, 110))
    rough = np.fft.ifft2(np.fft.fft2(noise) * decay).real
    second = 0.6 * np.exp(-5 * ((x + 0.5) ** 2 + y**2))
    return {
        "hills": np.exp(-8 * ((x - 0.3) ** 2 + (y + 0.2) ** 2)) + second,
        "a cone": 1 - np.hypot(x, y) / 1.5,
        "a ridge": np.abs(x + 0.3 * y),
        "rough": (rough - rough.min()) / np.ptp(rough),
    }


def surfaces() -> list[str]:
    """Return the table of mean errors of surfaces known at scattered points."""
    methods = {
        "homogeneous diffusion": inpainting.Diffusion(),
        "biharmonic": inpainting.Biharmonic(),
        "edge-enhancing": inpainting.EdgeEnhancing(),
        "infinity-harmonic, radius 3": InfinityHarmonic(radius=3),
    }
    lines = [f"| surface | points | {' | '.join(methods)} |", "|---" * 6 + "|"]
    for name, surface in heights().items():
        for points in (60, 240, 1200):
            cells = []
            for method in methods.values():
                found = []
                for seed in (4, 5, 6):
                    known = np.zeros(surface.shape, bool)
                    random = np.random.default_rng(seed)
                    known.flat[random.choice(known.size, points, replace=False)] = True
                    found.append(np.abs(inpaint(surface, known, method).image - surface).mean())
                cells.append(f"{np.mean(found):.4f}")
            lines.append(f"| {name} | {points} | {' | '.join(cells)} |")
    return lines


if __name__ == "__main__":
    own = {f"infinity-harmonic, radius {r}": (InfinityHarmonic(r), None) for r in (1, 2)}
    for name, lines in {
        "aronsson": [*errors(), "", *times()],
        "surfaces": surfaces(),
        "depth": depth_table(own),
    }.items():
        RESULTS.joinpath(f"{name}.md").write_text("\n".join(lines) + "\n")
        print(*lines, "", sep="\n")
