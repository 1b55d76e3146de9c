"""Subspaces of points with outliers: ours, principal components and scikit-learn's robust
covariance.

``python -m experiments.probability.outliers`` writes ``results/subspaces.md``: the largest angle
between the found and the true subspace in degrees, mean of five data sets of 200 points. 0 to 40 %
of the points are outliers: either normal in all directions with three times the deviation of the
others ("scattered"), or all near one line outside of the subspace ("in line").
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from time import process_time

import numpy as np

from .subspaces import principal_components, principal_lines

OUTPUT = Path(__file__).parent / "results" / "subspaces.md"
SHARES = (0.0, 0.1, 0.2, 0.3, 0.4)
SIZES = ((2, 1), (5, 1), (5, 2), (20, 3), (50, 5))
NUM_SETS, NUM_POINTS, NOISE = 5, 200, 0.05
Method = Callable[[np.ndarray, int], np.ndarray]


def points(d: int, k: int, share: float, kind: str, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return points (n, d) and the true basis (d, k)."""
    rng = np.random.default_rng(seed)
    basis = np.linalg.qr(rng.standard_normal((d, d)))[0]
    x = rng.standard_normal((NUM_POINTS, k)) @ basis[:, :k].T
    x += NOISE * rng.standard_normal(x.shape)
    m = round(share * NUM_POINTS)
    if kind == "scattered":
        x[:m] = 3 * rng.standard_normal((m, d))
    else:
        x[:m] = 3 * rng.standard_normal((m, 1)) * basis[:, -1]
        x[:m] += NOISE * rng.standard_normal((m, d))
    return x + rng.standard_normal(d), basis[:, :k]


def methods() -> dict[str, Method]:
    """Return the methods: points and dimension to a basis (d, k)."""
    from sklearn.covariance import MinCovDet
    from sklearn.decomposition import PCA

    def mincovdet(x: np.ndarray, k: int) -> np.ndarray:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            covariance = MinCovDet(random_state=0).fit(x).covariance_
        return np.linalg.eigh(covariance)[1][:, -k:]

    def spherical(x: np.ndarray, k: int) -> np.ndarray:
        x = x - np.median(x, axis=0)
        return np.linalg.svd(x / np.linalg.norm(x, axis=1)[:, None])[2][:k].T

    return {
        "principal components (scikit-learn)": lambda x, k: PCA(k).fit(x).components_.T,
        "principal components on the sphere": spherical,
        "`MinCovDet` (scikit-learn)": mincovdet,
        "`principal_lines`": lambda x, k: principal_lines(x, k).components.T,
        "`principal_components`": lambda x, k: principal_components(x, k).components.T,
    }


def angle(u: np.ndarray, v: np.ndarray) -> float:
    """Return the largest principal angle of two subspaces in degrees."""
    return float(np.degrees(np.arccos(min(1.0, np.linalg.svd(u.T @ v)[1].min()))))


def main() -> None:
    """Write the tables."""
    lines = []
    for kind in ("scattered", "in line"):
        lines += [f"Outliers {kind}:", ""]
        head = " | ".join(f"{share:.0%}" for share in SHARES)
        lines += [f"| dimensions | | {head} | CPU ms |", "|---" * (len(SHARES) + 3) + "|"]
        for d, k in SIZES:
            for name, method in methods().items():
                cells, seconds = [], []
                for share in SHARES:
                    angles = []
                    for seed in range(NUM_SETS):
                        x, basis = points(d, k, share, kind, seed)
                        begin = process_time()
                        found = method(x, k)
                        seconds.append(process_time() - begin)
                        angles.append(angle(basis, found))
                    cells.append(f"{np.mean(angles):.1f}")
                time = f"{1e3 * np.median(seconds):.1f}"
                row = f"| {k} of {d} | {name} | {' | '.join(cells)} | {time} |"
                lines.append(row)
                print(row, flush=True)
        lines.append("")
    OUTPUT.write_text("\n".join(lines).rstrip() + "\n")


if __name__ == "__main__":
    main()
