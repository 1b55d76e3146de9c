"""Distributions in which flows begin."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from ..core.errors import InputError
from .given import as_given, check_data


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


@dataclass(frozen=True)
class Field:
    """A random field on the torus, the same on every grid (trace class).

    The Fourier coefficients of the waves k are independent with the variances ``(1 + |k|^2 /
    length^2)^(-exponent)``, so the mean square of the field stays finite as the grid is refined if
    ``2 exponent`` exceeds the number of axes. One seed gives one field: on a coarser grid, the same
    waves up to its limit.

    Hagemann, Mildenberger, Ruthotto, Steidl & Yang, *Multilevel diffusion: infinite dimensional
    score-based diffusion models for image generation* (2023).

    Parameters
    ----------
    exponent, length : float
        Decay, and the wave number where it begins.
    axes : int
        How many of the last axes of a data point are axes of the grid, 1 to 3.
    """

    exponent: float = 1.5
    length: float = 4.0
    axes: int = 2

    def draw(self, n: int, shape: Sequence[int], generator: torch.Generator) -> Tensor:
        """Return n fields (n, \\*shape) in float32; other axes hold independent fields."""
        grid = tuple(shape[-self.axes :])
        count = n * math.prod(shape[: -self.axes])
        spectrum = torch.zeros(count, *grid, dtype=torch.complex64)
        for m in range(max((size - 1) // 2 for size in grid) + 1):
            waves = _shell(m, self.axes)
            own = (1 + (waves**2).sum(1) / self.length**2) ** -self.exponent
            # always all waves of a shell, so that every grid sees the same numbers
            values = torch.randn(count, len(waves), 2, generator=generator)
            fits = (waves.abs() <= torch.tensor([(size - 1) // 2 for size in grid])).all(1)
            c = torch.view_as_complex(values[:, fits].contiguous()) / math.sqrt(2)
            c = c * own[fits].sqrt()
            index = tuple(waves[fits].T)
            if m == 0:
                spectrum[(slice(None), *index)] = (c.real * math.sqrt(2)).to(torch.complex64)
                continue
            spectrum[(slice(None), *index)] = c
            spectrum[(slice(None), *(-k for k in index))] = c.conj()
        dims = tuple(range(1, self.axes + 1))
        values = torch.fft.ifftn(spectrum, dim=dims, norm="forward").real
        return values.reshape(n, *shape)


@cache
def _shell(m: int, axes: int) -> Tensor:
    """Return one of each pair k, -k of waves (number, axes) with the largest component m."""
    side = torch.arange(-m, m + 1)
    waves = torch.cartesian_prod(*[side] * axes).reshape(-1, axes)
    waves = waves[waves.abs().amax(1) == m]
    first = (waves != 0).int().argmax(1)
    return waves[waves.gather(1, first[:, None])[:, 0] >= 0]


@dataclass(frozen=True, eq=False)
class Quantile:
    """Independent values with the distributions of the examples, tails included.

    Use `Quantile.fit`. Between 101 knots, the quantile function of each component is linear; the
    outer two per cent on each side are generalised Pareto tails.

    Attributes
    ----------
    knots : tensor (101, \\*shape)
        Quantiles of standardised examples, from 2 to 98 %.
    tails : tensor (2, 2, \\*shape)
        Shape and scale of the lower and the upper tail.
    """

    knots: Tensor
    tails: Tensor

    @staticmethod
    def fit(x: Any) -> Quantile:
        """Fit the noise to examples (n, \\*shape), at least 100; tails by weighted moments.

        Raises `InputError` if there are fewer, or values are not finite.

        Hosking & Wallis, *Parameter and quantile estimation for the generalized Pareto
        distribution*, Technometrics 29 (1987).
        """
        values = as_given(x, "x")[0].astype(float)
        check_data(values, "x", fewest=100)
        deviation = values.std(0, ddof=1)
        u = (values - values.mean(0)) / np.where(deviation > 0, deviation, 1)
        knots = np.quantile(u, np.linspace(_TAIL, 1 - _TAIL, 101), axis=0)
        lower, upper = _pareto(knots[0] - u), _pareto(u - knots[-1])
        tails = np.stack([np.stack(lower), np.stack(upper)])
        return Quantile(torch.from_numpy(knots).float(), torch.from_numpy(tails).float())

    def draw(self, n: int, shape: Sequence[int], generator: torch.Generator) -> Tensor:
        """Return n samples (n, \\*shape) in float32; the shape is that of the examples."""
        if tuple(shape) != tuple(self.knots.shape[1:]):
            raise InputError(f"the noise has the shape {tuple(self.knots.shape[1:])}, not {shape}")
        level = torch.rand(n, *shape, generator=generator)
        place = ((level - _TAIL) / (1 - 2 * _TAIL)).clamp(0, 1) * 100
        low = place.floor().long().clamp(max=99)
        one, two = self.knots.gather(0, low), self.knots.gather(0, low + 1)
        values = one + (place - low) * (two - one)
        for side, share in ((0, level), (1, 1 - level)):
            form, scale = self.tails[side]
            p = (share / _TAIL).clamp(1e-6, 1)
            flat = form.abs() < 1e-3
            excess = torch.where(flat, -p.log(), (p**-form - 1) / torch.where(flat, 1.0, form))
            values = values + (2 * side - 1) * scale * excess * (share < _TAIL)
        return values


_TAIL = 0.02


def _pareto(excess: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return shape and scale of a generalised Pareto distribution of the positive excesses."""
    ordered = np.sort(excess, axis=0)[::-1][: max(4, round(_TAIL * len(excess)))].clip(0)
    count = len(ordered)
    above = (np.arange(count) + 0.65) / count  # share of larger values
    mean = ordered.mean(0)
    weighted = (ordered * above.reshape(-1, *[1] * (ordered.ndim - 1))).mean(0)
    rest = np.maximum(mean - 2 * weighted, 1e-12)
    form = np.clip(2 - mean / rest, -5.0, 0.9)
    return form, np.maximum(mean * (1 - form), 0)
