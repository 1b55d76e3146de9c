"""Lines through points with outliers, and the best line in the plane.

Neumayer, Nimmer, Setzer & Steidl, *On the robust PCA and Weiszfeld's algorithm* (2019).
`python -m experiments.probability.outliers` has more dimensions, and the methods of scikit-learn.
"""

from __future__ import annotations

import numpy as np

from ..rows import Row
from .outliers import angle, points
from .subspaces import principal_lines

PAPER = "Neumayer, Nimmer, Setzer & Steidl 2019"


def principal(x: np.ndarray) -> np.ndarray:
    """Return the first principal component of points (n, d) around their mean, (d, 1)."""
    return np.linalg.svd(x - x.mean(0))[2][:1].T


def excess(x: np.ndarray) -> tuple[float, float]:
    """How much more than the best of 20,000 directions in the plane costs ours, and the PCA's."""
    found = principal_lines(x)
    x = x - found.center
    turns = np.linspace(0, np.pi, 20_000)
    scan = np.abs(np.outer(x[:, 0], np.sin(turns)) - np.outer(x[:, 1], np.cos(turns))).sum(0).min()
    u = principal(x)[:, 0]
    return found.energy / scan - 1, float(np.abs(x @ [-u[1], u[0]]).sum() / scan - 1)


def rows(quick: bool = False) -> list[Row]:
    """Angles to the true line, and energies in the plane."""
    sets = [points(5, 1, 0.2, "scattered", seed) for seed in range(3 if quick else 10)]
    ours = np.mean([angle(u, principal_lines(x).components.T) for x, u in sets])
    plain = np.mean([angle(u, principal(x)) for x, u in sets])
    plane = [excess(points(2, 1, 0.2, "scattered", seed)[0]) for seed in range(10)]
    worst, pca = max(a for a, _ in plane), np.mean([b for _, b in plane])
    return [
        Row("robust line in 5 dimensions, 20 % outliers", PAPER,
            f"principal components: {plain:.1f} degrees", "1.1 degrees, principal components 14.2",
            f"{ours:.1f} degrees", bool(ours <= 1.1)),
        Row("robust line in the plane", PAPER, "scan of 20,000 directions: energy 0 % above",
            "exact; principal components 28 % above",
            f"{max(worst, 0):.1e} above; principal components {pca:.0%}", bool(worst < 1e-6)),
    ]  # fmt: skip
