"""Wasserstein patch prior: the patches of the result are distributed as those of the reference."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from benchmarks.patch_peers import random_patches
from benchmarks.patch_tasks import Case, Method, Task

from .descent import descend, windows


def wasserstein(
    task: Task,
    weights: tuple[float, ...],
    *,
    size: int = 6,
    references: int = 2000,
    drawn: int = 2000,
    ascents: int = 5,
) -> Method:
    """Minimise ||A u - f||^2 / (2 noise^2) + weight * (number of pixels) * W_2^2.

    The squared Wasserstein-2 distance between patches x_i of u and y_j of the reference in its
    semi-dual form (Hertrich, Houdard & Redenbach 2022)::

        W = max_psi  mean_i min_j (||x_i - y_j||^2 - psi_j) + mean_j psi_j

    is maximised by a few steps of averaged stochastic ascent in each step on u.
    """
    y = torch.from_numpy(random_patches(task.references, size, references)).float()
    offsets = (y**2).sum(1)

    def restore(case: Case, weight: float) -> np.ndarray:
        psi, mean, count = torch.zeros(len(y)), torch.zeros(len(y)), 0

        def nearest(rows: Tensor, potential: Tensor) -> tuple[Tensor, Tensor]:
            costs = (rows**2).sum(1)[:, None] - 2 * rows @ y.T + (offsets - potential)
            return costs.min(1)

        def prior(u: Tensor) -> Tensor:
            nonlocal psi, mean, count
            every = windows(u, size)
            with torch.no_grad():
                for _ in range(ascents):
                    rows = every[torch.randint(len(every), (drawn,))]
                    chosen = torch.bincount(nearest(rows, psi)[1], minlength=len(y))
                    count += 1
                    psi = psi + (1 / len(y) - chosen / drawn) * len(y) * 0.05 / count**0.5
                    mean = mean + (psi - mean) / min(count, 100)
            rows = every[torch.randperm(len(every))[:drawn]]
            return weight * u.numel() * nearest(rows, mean)[0].mean()

        return descend(case, prior)

    return Method(f"Wasserstein patch prior, {references} patches", restore, weights, 0.0)
