"""The weight of measurements in plans between noise and data, chosen by a test of independence.

Chemseddine, Hagemann, Steidl & Wald, *Conditional Wasserstein distances with applications in
Bayesian OT flow matching* (2024), weight the measurements in the cost of a plan by ``beta``. Here
it is the smallest one after which noise and measurements look independent. On the linear problem
and the six modes of `benchmarks.posterior` this is 10 to 30. With as many time steps as
`steepest.posterior` takes, plans are not better than independent pairs for the first, and worse for
the second (`python -m benchmarks.posterior couplings`): so the package does not choose by itself.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from steepest import posterior

_BETAS = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0)
_CORRELATION = 0.002  # squared distance correlation that counts as independent
_LEAST_GAIN = 0.1  # of the cost; below it, a plan is not worth its time


def choose(
    x: Tensor, y: Tensor, z: Tensor, batch: int, rng: np.random.Generator
) -> posterior.Coupling:
    """Return the coupling of least ``beta`` that leaves noise and measurements independent.

    ``x`` and ``y`` are standardised examples, and ``z`` is noise for 20 batches. On these, the
    bias-corrected squared distance correlation of z_i and y_j(i) must be at most 0.002 in the mean.
    If the mean of ``|z - x|^2`` then falls by less than a tenth, the coupling is `Independent`,
    which needs no plans.
    """
    batches = [rng.choice(len(x), min(batch, len(x)), replace=False) for _ in range(20)]
    for beta in _BETAS:
        plan, found, before, after = posterior.Conditional(beta), 0.0, 0.0, 0.0
        for i, rows in enumerate(batches):
            own = z[i * batch : i * batch + len(rows)]
            index = plan(own, x[rows], y[rows])
            before += float(((own - x[rows]) ** 2).sum())
            after += float(((own - x[rows][index]) ** 2).sum())
            found += distance_correlation(own, y[rows][index]) / len(batches)
        if found <= _CORRELATION:
            return plan if after < (1 - _LEAST_GAIN) * before else posterior.Independent()
    return posterior.Independent()


def distance_correlation(a: Tensor, b: Tensor) -> float:
    """Return the bias-corrected squared distance correlation of two samples (n, \\*shape).

    Its expectation is 0 for independent samples (Szekely & Rizzo, *Partial distance correlation
    with methods for dissimilarities*, Annals of Statistics 42, 2014).
    """
    n = len(a)

    def centered(v: Tensor) -> Tensor:
        d = torch.cdist(v.flatten(1).double(), v.flatten(1).double())
        rows = d.sum(0)
        d = d - (rows[:, None] + rows) / (n - 2) + d.sum() / ((n - 1) * (n - 2))
        return d.fill_diagonal_(0)

    one, two = centered(a), centered(b)
    norm = float((one * one).sum() * (two * two).sum()) ** 0.5
    return float((one * two).sum()) / norm if norm > 0 else 0.0
