"""Samples of a Boltzmann density in ten dimensions from a tensor train.

The density ``exp(-V)`` with ``V = sum 2 (x_i^2 - 1)^2 - sum x_i x_(i+1)``, a chain of double wells
with 2^10 modes, on 41 points along each axis. Cross interpolation (Oseledets & Tyrtyshnikov 2010,
by the library teneva) finds a train from some values of the density; its sum is the normalisation,
and one variable after the other is drawn from it. Matrices of neighbours give the exact sum.

*Sampling from Boltzmann densities with physics informed low-rank formats* (2024) follows an
annealing path by its continuity equation instead. Here the density itself is interpolated, which
needs variables in an order in which distant ones depend little on each other.
"""

from __future__ import annotations

import numpy as np

from ..rows import Row

DIMENSIONS, POINTS, REACH = 10, 41, 2.2


def density(x: np.ndarray) -> np.ndarray:
    """Return ``exp(-V)`` of points (n, d)."""
    return np.exp((x[:, :-1] * x[:, 1:]).sum(1) - 2 * ((x**2 - 1) ** 2).sum(1))


def exact(grid: np.ndarray) -> tuple[float, float]:
    """Return the logarithm of the sum over the grid, and the mean of x_1 x_d."""
    single = np.exp(-2 * (grid**2 - 1) ** 2)
    step = np.exp(np.outer(grid, grid)) * single
    pairs = single[:, None] * np.linalg.matrix_power(step, DIMENSIONS - 1)
    return float(np.log(pairs.sum())), float(grid @ pairs @ grid / pairs.sum())


def rows(quick: bool = False) -> list[Row]:
    """Normalisation, effective sample size and the correlation of the ends."""
    import teneva

    grid = np.linspace(-REACH, REACH, POINTS)

    def values(index: np.ndarray) -> np.ndarray:
        return density(grid[np.asarray(index, int)])

    start = teneva.rand([POINTS] * DIMENSIONS, 4, seed=0)
    train = teneva.truncate(teneva.cross(values, start, e=1e-8, m=2e5, dr_max=2), 1e-8)
    count = 1000 if quick else 10_000
    index = teneva.sample(train, count, seed=1)
    weights = values(index) / teneva.get_many(train, index)
    size = weights.sum() ** 2 / (weights**2).sum() / count
    error = np.log(teneva.sum(train)) - exact(grid)[0]
    ends = grid[index][:, 0] * grid[index][:, -1]
    return [
        Row("Boltzmann density in 10 dimensions by a tensor train",
            "Sampling from Boltzmann densities, 2024",
            f"matrices of neighbours; mean of x_1 x_10: {exact(grid)[1]:.3f}",
            "2 dimensions, Legendre: effective sample size 0; by Langevin log Z within .05",
            f"log Z within {abs(error):.0e}, effective sample size {size:.2f}, mean "
            f"{ends.mean():.3f} ± {ends.std() / np.sqrt(count):.3f}",
            bool(abs(error) < 0.05 and size > 0.9)),
    ]  # fmt: skip
