"""Layers of stochastic normalizing flows as Markov kernels: Langevin, diffusion, autoencoders.

Hagemann, Hertrich & Steidl, *Generalized normalizing flows via Markov chains* (2022); *Stochastic
normalizing flows for inverse problems: a Markov chains viewpoint* (2021). They are kernels of a
`steepest.posterior.Chain`. `python -m benchmarks.posterior gap kernels` measures their gaps.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from steepest.posterior.chains import LogJoint


class GaussianPair(nn.Module):
    """Normal steps forward and backward: Langevin, diffusion and autoencoder layers.

    ``x' = a(x, y) + s(x, y) xi`` and ``x = b(x', y) + r(x', y) xi`` with independent normal xi.

    Parameters
    ----------
    ahead, back : callable
        ``(x, y) -> (mean, deviation)`` of both directions; deviations are tensors or numbers.
        Modules are trained by `fit_chain`.
    """

    def __init__(self, ahead: Callable[..., Any], back: Callable[..., Any]) -> None:
        super().__init__()
        self.ahead, self.back = ahead, back

    def forward(self, x: Tensor, y: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return the next points and the logarithm of the densities' ratio."""
        new = _normal(self.ahead(x, y), x, generator)
        return new, _log_normal(x, self.back(new, y)) - _log_normal(new, self.ahead(x, y))

    def backward(self, x: Tensor, y: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return the points before and the logarithm of the densities' ratio."""
        old = _normal(self.back(x, y), x, generator)
        return old, _log_normal(old, self.back(x, y)) - _log_normal(x, self.ahead(old, y))


def _normal(law: tuple[Any, Any], x: Tensor, generator: torch.Generator) -> Tensor:
    mean, deviation = law
    return mean + deviation * torch.randn(x.shape, generator=generator)


def _log_normal(x: Tensor, law: tuple[Any, Any]) -> Tensor:
    mean, deviation = law
    deviation = torch.as_tensor(deviation, dtype=x.dtype)
    each = -0.5 * ((x - mean) / deviation) ** 2 - deviation.log() - 0.5 * math.log(2 * math.pi)
    return each.expand(x.shape).sum(-1)


def langevin(log_density: LogJoint, step: float) -> GaussianPair:
    """Return a step of unadjusted Langevin dynamics, the same in both directions.

    ``x' = x + step grad log_density(x, y) + sqrt(2 step) xi``.
    """

    def law(x: Tensor, y: Tensor) -> tuple[Tensor, float]:
        trained = torch.is_grad_enabled()
        point = x if x.requires_grad else x.detach().requires_grad_()
        with torch.enable_grad():
            value = log_density(point, y).sum()
            slope = torch.autograd.grad(value, point, create_graph=trained)[0]
        return x + step * slope, math.sqrt(2 * step)

    return GaussianPair(law, law)
