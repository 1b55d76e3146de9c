"""Posteriors by the flow of an f-divergence, made finite by a kernel.

Neumayer, Stein, Steidl & Rux, *Wasserstein gradient flows for Moreau envelopes of f-divergences in
reproducing kernel Hilbert spaces* (2024). Particles (x, y) move in x only, along the gradient of

    D(mu) = min over q >= 0 of  mean (q_j - 1)^2 / 2 + MMD^2(mu, mean q_j delta_j) / (2 lambda)

to the given pairs, the chi-square divergence. The gallery has other divergences and the steps one
by one (docs/examples/plot_24_f_divergences.py); here the shares q are non-negative least squares.
"""

from __future__ import annotations

import numpy as np
from scipy.linalg import solve_triangular
from scipy.optimize import nnls
from scipy.spatial.distance import cdist

from steepest import posterior

from ..rows import Row
from .conditional import NOISE, A, Cloud, pairs

WIDTH, WEIGHT, STEP = 2.0, 0.05, 1.0  # of the kernel; lambda; of time


def moved(num_steps: int, count: int) -> Cloud:
    """Return particles after the flow."""
    rng = np.random.default_rng(0)
    x, y = pairs(count, rng)
    known, x = np.hstack([x, y]), rng.standard_normal((count, 2))
    root = factor(known)
    for _ in range(num_steps):
        place = np.hstack([x, y])
        force = slope(place, place, 1.0) - slope(place, known, shares(place, known, root))
        x = x - STEP * force[:, :2] / WEIGHT
    return Cloud(x, y)


def factor(known: np.ndarray) -> np.ndarray:
    """Return R with R^T R = 1 + K / (lambda M), M times the Hessian of D."""
    own = kernel(known, known)
    return np.linalg.cholesky(np.eye(len(known)) + own / (WEIGHT * len(known))).T


def shares(place: np.ndarray, known: np.ndarray, root: np.ndarray) -> np.ndarray:
    """Return the q that attain D for particles at some places."""
    right = 1 + kernel(place, known).mean(0) / WEIGHT
    return nnls(root, solve_triangular(root, right, trans="T"))[0]


def kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return inverse multiquadrics of all pairs."""
    return 1 / np.sqrt(1 + cdist(a, b, "sqeuclidean") / WIDTH**2)


def slope(a: np.ndarray, b: np.ndarray, weights: np.ndarray | float) -> np.ndarray:
    """Return the gradients at a of the weighted mean of kernels about b."""
    each = -(kernel(a, b) ** 3) / WIDTH**2 * weights / len(b)
    return each.sum(1)[:, None] * a - each @ b


def rows(quick: bool = False) -> list[Row]:
    """Mean, covariance and coverage of the particles as a sampler."""
    gain = A.T @ np.linalg.inv(A @ A.T + NOISE**2)
    cloud = moved(500, 300)
    fitted = np.linalg.lstsq(cloud.y, cloud.x, rcond=None)[0].T
    spread, exact = np.cov((cloud.x - cloud.y @ fitted.T).T), np.eye(2) - gain @ A
    report = posterior.check(cloud, *pairs(500, np.random.default_rng(5)), count=100)
    errors = abs(fitted - gain).max(), abs(spread - exact).max()
    return [
        Row("posterior by the flow of an f-divergence", "Neumayer, Stein, Steidl & Rux 2024",
            "Gaussian posterior", "gallery page; no figure",
            f"error of mean's slope {errors[0]:.3f}, of covariance {errors[1]:.3f}; {report}",
            max(errors) < 0.1 and abs(report.coverage - 0.9) < 0.03),
    ]  # fmt: skip
