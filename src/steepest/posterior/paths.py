"""Paths from noise to data: where a data point is at time t, and how fast it moves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor

from .noise import Gaussian, Noise


class Path(Protocol):
    """A Markov kernel from data to time t; time 0 is noise, time 1 is data."""

    def start(self, n: int, shape: Sequence[int], generator: torch.Generator) -> Tensor:
        """Return n samples (n, \\*shape) of time 0."""
        ...

    def at(
        self, x: Tensor, t: Tensor, generator: torch.Generator, z: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return positions and velocities (n, \\*shape) at times t (n,) on the way to data x.

        ``z`` are samples of `start`, for paths that are functions of noise and data; without it,
        noise is drawn.
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
        self, x: Tensor, t: Tensor, generator: torch.Generator, z: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return positions and velocities, see `Path`."""
        z = self.start(len(x), x.shape[1:], generator) if z is None else z
        return z + wide(t, x) * (x - z), x - z
