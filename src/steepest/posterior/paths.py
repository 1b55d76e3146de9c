"""Noise, paths from it to data, and couplings: which noise goes to which data point."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

_BETAS = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0)
_CORRELATION = 0.002  # squared distance correlation that counts as independent
_LEAST_GAIN = 0.1  # of the cost; below it, a plan is not worth its time


class Noise(Protocol):
    """What a path begins with."""

    def draw(self, n: int, shape: Sequence[int], generator: torch.Generator) -> Tensor:
        """Return n samples (n, \\*shape) in float32."""
        ...


@dataclass(frozen=True)
class Gaussian:
    """Independent standard normal values."""

    def draw(self, n: int, shape: Sequence[int], generator: torch.Generator) -> Tensor:
        """Return n samples (n, \\*shape) in float32."""
        return torch.randn(n, *shape, generator=generator)


class Path(Protocol):
    """A Markov kernel from data to time t; time 0 is noise, time 1 is data."""

    def start(self, n: int, shape: Sequence[int], generator: torch.Generator) -> Tensor:
        """Return n samples (n, \\*shape) of time 0."""
        ...

    def at(
        self, z: Tensor, x: Tensor, t: Tensor, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Return positions and velocities (n, \\*shape) at times t (n,) from noise z to data x.

        Paths that are not functions of z and x draw from the generator.
        """
        ...


def wide(t: Tensor, like: Tensor) -> Tensor:
    """Return times (n,) in a shape that multiplies ``like`` (n, \\*shape)."""
    return t.reshape(-1, *[1] * (like.ndim - 1))


@dataclass(frozen=True)
class Straight:
    """Straight lines ``(1 - t) z + t x`` with the constant velocity ``x - z``.

    Lipman et al., *Flow matching for generative modeling*, ICLR 2023.
    """

    noise: Noise = field(default_factory=Gaussian)

    def start(self, n: int, shape: Sequence[int], generator: torch.Generator) -> Tensor:
        """Return n samples (n, \\*shape) of the noise."""
        return self.noise.draw(n, shape, generator)

    def at(
        self, z: Tensor, x: Tensor, t: Tensor, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Return positions and velocities, see `Path`."""
        return z + wide(t, x) * (x - z), x - z


@dataclass(frozen=True)
class Diffusion(Straight):
    """The path ``sin(pi t / 2) x + cos(pi t / 2) z`` of a variance-preserving diffusion."""

    def at(
        self, z: Tensor, x: Tensor, t: Tensor, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Return positions and velocities, see `Path`."""
        angle = wide(t, x) * math.pi / 2
        return angle.sin() * x + angle.cos() * z, math.pi / 2 * (angle.cos() * x - angle.sin() * z)


class Coupling(Protocol):
    """A rule for batches of standardised data."""

    def __call__(self, z: Tensor, x: Tensor, y: Tensor) -> Tensor:
        """Return the indices (n,): noise i goes to the data point with this index."""
        ...


@dataclass(frozen=True)
class Independent:
    """Noise and data are not coupled."""

    def __call__(self, z: Tensor, x: Tensor, y: Tensor) -> Tensor:
        """Return 0 to n - 1."""
        return torch.arange(len(x))


@dataclass(frozen=True)
class Conditional:
    """The optimal plan for ``|z - x|^2 + beta |y - y'|^2``, where noise i has the measurement y_i.

    For large ``beta`` each plan keeps the measurement, so that the noise stays independent of it,
    as samples of a posterior need. A small ``beta`` lets the noise depend on y: a bias that no
    training removes. Without measurements, this is plain optimal transport.

    Chemseddine, Hagemann, Steidl & Wald, *Conditional Wasserstein distances with applications in
    Bayesian OT flow matching* (2024).
    """

    beta: float = 30.0

    def __call__(self, z: Tensor, x: Tensor, y: Tensor) -> Tensor:
        """Return the indices of the plan, which is a permutation."""
        from scipy.optimize import linear_sum_assignment

        cost = torch.cdist(z.flatten(1), x.flatten(1)) ** 2
        cost = cost + self.beta * torch.cdist(y.flatten(1), y.flatten(1)) ** 2
        return torch.from_numpy(linear_sum_assignment(cost.numpy())[1])


def choose(x: Tensor, y: Tensor, z: Tensor, batch: int, rng: np.random.Generator) -> Coupling:
    """Return the coupling of least ``beta`` that leaves noise and measurements independent.

    On 20 batches, the bias-corrected squared distance correlation of z_i and y_j(i) must be at most
    0.002 in the mean. If the mean of ``|z - x|^2`` then falls by less than a tenth, the coupling is
    `Independent`, which needs no plans.
    """
    batches = [rng.choice(len(x), min(batch, len(x)), replace=False) for _ in range(20)]
    for beta in _BETAS:
        plan, found, before, after = Conditional(beta), 0.0, 0.0, 0.0
        for i, rows in enumerate(batches):
            own = z[i * batch : i * batch + len(rows)]
            index = plan(own, x[rows], y[rows])
            before += float(((own - x[rows]) ** 2).sum())
            after += float(((own - x[rows][index]) ** 2).sum())
            found += distance_correlation(own, y[rows][index]) / len(batches)
        if found <= _CORRELATION:
            return plan if after < (1 - _LEAST_GAIN) * before else Independent()
    return Independent()


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
