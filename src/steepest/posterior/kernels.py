"""Markov kernels with the ratio of the densities of both directions."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from ..core.numbers import check_number

LogJoint = Callable[[Tensor, Tensor], Tensor]


class Kernel(Protocol):
    """A step of a chain, on tensors x (n, d) with measurements y (n, m)."""

    def forward(self, x: Tensor, y: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return the next points, and ``log(backward density / forward density)`` of the step."""
        ...

    def backward(self, x: Tensor, y: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return points before x, and the same logarithm for that step."""
        ...


class Map(nn.Module):
    """An invertible map for each y: a transform of zuko, or of `torch.distributions`.

    Parameters
    ----------
    transform : callable
        ``transform(y)`` is invertible, with ``log_abs_det_jacobian``; for a conditional flow of
        zuko, ``lambda y: flow.transform(y).inv``. Modules are trained by `fit_chain`.
    """

    def __init__(self, transform: Callable[[Tensor], Any]) -> None:
        super().__init__()
        self.transform = transform

    def forward(self, x: Tensor, y: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return the images of x and the log-determinants."""
        transform = self.transform(y)
        out = transform(x)
        return out, _summed(transform.log_abs_det_jacobian(x, out))

    def backward(self, x: Tensor, y: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return the preimages of x and the log-determinants of the map there."""
        transform = self.transform(y)
        out = transform.inv(x)
        return out, _summed(transform.log_abs_det_jacobian(out, x))


def _summed(values: Tensor) -> Tensor:
    return values.sum(-1) if values.ndim > 1 else values


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
    step = check_number(step, "step", positive=True)

    def law(x: Tensor, y: Tensor) -> tuple[Tensor, float]:
        trained = torch.is_grad_enabled()
        point = x if x.requires_grad else x.detach().requires_grad_()
        with torch.enable_grad():
            value = log_density(point, y).sum()
            slope = torch.autograd.grad(value, point, create_graph=trained)[0]
        return x + step * slope, math.sqrt(2 * step)

    return GaussianPair(law, law)


@dataclass(frozen=True)
class Metropolis:
    """Random-walk Metropolis steps that keep the density ``exp(log_density)``.

    The step is reversible, so the ratio of densities is that of the points, whatever is accepted.

    Parameters
    ----------
    log_density : callable
        ``(x, y) -> (n,)``, up to a constant for each y.
    sizes : sequence of float or of tensors (d,)
        Standard deviations of the proposals; one step for each.
    """

    log_density: LogJoint
    sizes: Sequence[float | Tensor] = (0.1, 0.5)

    def forward(self, x: Tensor, y: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return the points after the steps and ``log_density(x) - log_density(x')``."""
        first = value = self.log_density(x, y)
        for size in self.sizes:
            new = x + size * torch.randn(x.shape, generator=generator)
            found = self.log_density(new, y)
            accept = torch.rand(len(x), generator=generator).log() < found - value
            x = torch.where(accept[:, None], new, x)
            value = torch.where(accept, found, value)
        return x, first - value

    def backward(self, x: Tensor, y: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return points before x: the same steps in the reverse order of sizes."""
        turned = replace(self, sizes=tuple(reversed(self.sizes)))
        before, ratio = turned.forward(x, y, generator)
        return before, -ratio
