"""Distances and paths between distributions of distributions, and between posteriors.

Piening, Duong & Steidl, *Generalized Wasserstein flow matching* (2026): a data set of point clouds
is a measure on measures. Its transport has an outer plan (which cloud goes to which) and inner
plans (which point goes to which). Chemseddine, Hagemann, Steidl & Wald, *Conditional Wasserstein
distances with applications in Bayesian OT flow matching* (2024): plans that keep the measurement y
give the mean Wasserstein distance of the posteriors, which plans that may change y miss.
"""

from __future__ import annotations

import numpy as np
import ot

from ..rows import Row


def clouds(number: int, size: int, spread: float, shift: float, seed: int) -> np.ndarray:
    """Return Gaussian clouds (number, size, 2) with random centers."""
    rng = np.random.default_rng(seed)
    centers = rng.standard_normal((number, 1, 2)) + np.array([shift, 0])
    return centers + spread * rng.standard_normal((number, size, 2))


def wasserstein(a: np.ndarray, b: np.ndarray) -> float:
    """Return the Wasserstein-2 distance of two samples (n, d) of equal size."""
    return float(np.sqrt(ot.emd2([], [], ot.dist(a, b))))


def exact_costs(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return squared Wasserstein distances (len(a), len(b)) of clouds."""
    return np.array([[ot.emd2([], [], ot.dist(x, y)) for y in b] for x in a])


def sliced_costs(a: np.ndarray, b: np.ndarray, num_slices: int = 20) -> np.ndarray:
    """Return squared sliced Wasserstein distances, times the dimension, of clouds of equal size."""
    angle = np.pi * (np.arange(num_slices) + 0.5) / num_slices
    turned = np.stack([np.cos(angle), np.sin(angle)])
    a, b = (np.sort(c @ turned, axis=1) for c in (a, b))
    return 2 * ((a[:, None] - b[None]) ** 2).mean(axis=(2, 3))


def midpoint(x: np.ndarray, y: np.ndarray, inner: bool) -> np.ndarray:
    """Return the cloud halfway, with optimal inner pairs or with the pairs as they are numbered."""
    order = ot.emd([], [], ot.dist(x, y)).argmax(axis=1) if inner else np.arange(len(y))
    return (x + y[order]) / 2


def posterior_distance(num: int, beta: float, seed: int = 0) -> tuple[float, float]:
    """Return the cost in x of the plan with ``|x - x'|^2 + beta |y - y'|^2``, and its closed form.

    x given y is N(0.9 y, 0.3^2) and N(-0.5 y, 0.6^2), with y from N(0, 1): the mean squared
    distance of the posteriors is 1.4^2 + 0.3^2.
    """
    rng = np.random.default_rng(seed)
    y, other_y, n1, n2 = rng.standard_normal((4, num))
    other_y = y[rng.permutation(num)]  # the measurements have one distribution
    x, other_x = 0.9 * y + 0.3 * n1, -0.5 * other_y + 0.6 * n2
    in_x = ot.dist(x[:, None], other_x[:, None])
    plan = ot.emd([], [], in_x + beta * ot.dist(y[:, None], other_y[:, None]))
    return float((plan * in_x).sum()), 1.4**2 + 0.3**2


def rows(quick: bool = False) -> list[Row]:
    """Outer plans, midpoints, and conditional distances."""
    number, size = (20, 60) if quick else (40, 100)
    a, b = clouds(number, size, 0.5, 0, 0), clouds(number, size, 1.5, 3, 1)
    costs = exact_costs(a, b)
    exact = ot.emd2([], [], costs)
    sliced = float((ot.emd([], [], sliced_costs(a, b)) * costs).sum())
    ratios = []
    for inner in (True, False):
        deviations = [midpoint(x, y, inner).std(axis=0).mean() for x, y in zip(a, b, strict=True)]
        # of two round Gaussians, the Bures midpoint has the mean of the deviations
        closed = [
            (x.std(axis=0).mean() + y.std(axis=0).mean()) / 2 for x, y in zip(a, b, strict=True)
        ]
        ratios.append(np.mean(deviations) / np.mean(closed))
    conditional, closed_form = posterior_distance(400 if quick else 1000, 1000.0)
    free, _ = posterior_distance(400 if quick else 1000, 0.0)
    return [
        Row("transport between distributions of clouds", "Piening, Duong & Steidl 2026",
            f"exact outer plan: {exact:.2f}", "sliced 9.67, exact 9.66 (other clouds)",
            f"sliced: {sliced:.2f}", sliced <= 1.01 * exact),
        Row("midpoints of clouds", "Piening, Duong & Steidl 2026",
            "deviation of the Bures midpoint: 1", "with inner plans .99, without .72",
            f"with inner plans {ratios[0]:.2f}, without {ratios[1]:.2f}",
            abs(ratios[0] - 1) <= 0.02),
        Row("conditional Wasserstein distance", "Chemseddine, Hagemann, Steidl & Wald 2024",
            f"closed form {closed_form:.2f}", "no figure",
            f"beta = 1000: {conditional:.2f}; y free: {free:.2f}",
            abs(conditional / closed_form - 1) < 0.1),
    ]  # fmt: skip
