"""Paths from noise to data: where a data point is at time t, and how fast it moves."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
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


@dataclass(frozen=True)
class Diffusion(Straight):
    """The path ``sin(pi t / 2) x + cos(pi t / 2) z`` of a variance-preserving diffusion."""

    def at(
        self, x: Tensor, t: Tensor, generator: torch.Generator, z: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return positions and velocities, see `Path`."""
        z = self.start(len(x), x.shape[1:], generator) if z is None else z
        angle = wide(t, x) * math.pi / 2
        return angle.sin() * x + angle.cos() * z, math.pi / 2 * (angle.cos() * x - angle.sin() * z)


@dataclass(frozen=True)
class Kac:
    """The path ``t x + S`` with a Kac process S at the time ``(1 - t)^2``, for each component.

    A particle moves with the constant ``speed`` c and turns at random times with the ``rate`` a.
    Its position S at time s has the variance ``c^2 / a (s - (1 - exp(-2 a s)) / (2 a))``, and is
    exactly at ``+-c s`` with the probability exp(-a s). Velocities are bounded by c, unlike those
    of diffusions.

    Duong, Chemseddine, Friz & Steidl, *Telegrapher's generative model via Kac flows* (2025).
    """

    rate: float = 9.0
    speed: float = 3.0

    def start(self, n: int, shape: Sequence[int], generator: torch.Generator) -> Tensor:
        """Return n samples (n, \\*shape) of S at time 1."""
        return self.process(torch.ones(n, *shape), generator)

    def process(self, s: Tensor, generator: torch.Generator) -> Tensor:
        """Return S at the times s, drawn exactly.

        With Poisson many turns n, ``S = +-c s (2 B - 1)`` with B from Beta(ceil((n + 1) / 2),
        floor((n + 1) / 2)), and B = 1 without a turn.
        """
        random = np.random.default_rng(int(torch.randint(2**31, (1,), generator=generator)))
        time = s.numpy().astype(float)
        turns = random.poisson(self.rate * time)
        share = np.ones_like(time)
        some = turns > 0
        share[some] = random.beta((turns[some] + 2) // 2, (turns[some] + 1) // 2)
        sign = np.where(random.random(time.shape) < 0.5, -1.0, 1.0)
        return torch.from_numpy(sign * self.speed * time * (2 * share - 1)).float()

    def velocity(self, place: Tensor, s: Tensor) -> Tensor:
        """Return dS/ds at a position: its mean over all paths there.

        ``x / (s + r / c I_0(a r / c) / I_1(a r / c))`` with ``r^2 = c^2 s^2 - x^2`` and modified
        Bessel functions I; ``+-c`` at the positions ``+-c s``, where the path had no turn.
        """
        c, a = self.speed, self.rate
        front = c * s
        r = (front**2 - place**2).clamp(min=0).sqrt()
        small = a * r / c < 1e-3
        q = torch.where(small, 1.0, a * r / c)
        ratio = torch.where(small, 2 / a, r / c * torch.special.i0e(q) / torch.special.i1e(q))
        inside = place / (s + ratio)
        return torch.where(place.abs() >= front * (1 - 1e-6), c * place.sign(), inside)

    def at(
        self, x: Tensor, t: Tensor, generator: torch.Generator, z: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return positions and velocities, see `Path`; the process is drawn anew, without z."""
        left = (1 - wide(t, x)).expand(x.shape)
        s = left**2
        place = self.process(s, generator)
        return wide(t, x) * x + place, x - 2 * left * self.velocity(place, s)
