"""Noise, paths from it to data, and couplings: which noise goes to which data point."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor

from ..core.numbers import check_number


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

    Paths are shorter and straighter, so that one to five time steps do. For large ``beta`` each
    plan keeps the measurement, so that the noise stays independent of it, as samples of a posterior
    need. A small ``beta`` lets the noise depend on y: a bias that no training removes, larger than
    what straight paths gain if the posterior has several modes. Without measurements, this is plain
    optimal transport.

    Chemseddine, Hagemann, Steidl & Wald, *Conditional Wasserstein distances with applications in
    Bayesian OT flow matching* (2024).
    """

    beta: float = 30.0

    def __post_init__(self) -> None:
        check_number(self.beta, "beta")

    def __call__(self, z: Tensor, x: Tensor, y: Tensor) -> Tensor:
        """Return the indices of the plan, which is a permutation."""
        from scipy.optimize import linear_sum_assignment

        cost = torch.cdist(z.flatten(1), x.flatten(1)) ** 2
        cost = cost + self.beta * torch.cdist(y.flatten(1), y.flatten(1)) ** 2
        return torch.from_numpy(linear_sum_assignment(cost.numpy())[1])
