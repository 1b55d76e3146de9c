"""Markov kernels with the ratio of the densities of both directions, and chains of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from ..core.errors import InputError, NotConverged
from ..core.numbers import check_count
from ..core.rng import Rng, generator
from .draws import Draws, as_given, as_shape, check_methods
from .flow import Flow, log_normal
from .training import as_tensor, checked, torch_generator

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

    def __post_init__(self) -> None:
        if not hasattr(self.sizes, "__len__") or not len(self.sizes):
            raise InputError(f"sizes={self.sizes!r}: allowed are sizes of steps, one at least")

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


class Chain(nn.Module):
    """A sampler made of kernels, which begins with independent standard normal values.

    With points x_0 to x_K, the mean of ``log w = log p(x_K, y) - log N(x_0) + sum of the kernels'
    ratios`` is at most ``log p(y)`` along the chain, and at least that backward from exact samples
    (Hagemann, Hertrich & Steidl, *Generalized normalizing flows via Markov chains*, 2022).

    Parameters
    ----------
    kernels : sequence of Kernel
    shape : tuple of int
        Shape of a data point.
    """

    def __init__(self, kernels: Sequence[Kernel], shape: Sequence[int]) -> None:
        super().__init__()
        self.kernels = tuple(kernels) if isinstance(kernels, Iterable) else (kernels,)
        for kernel in self.kernels:
            check_methods(kernel, "kernels: one", "forward", "backward")
        self.modules_of_kernels = nn.ModuleList(k for k in self.kernels if isinstance(k, nn.Module))
        self.shape = as_shape(shape)

    @staticmethod
    def of(model: Chain | Flow, name: str = "model") -> Chain:
        """Return a chain itself, or a flow as a chain of one kernel."""
        if not isinstance(model, (Chain, Flow)):
            raise InputError(f"{name} of type {type(model).__name__} must be a Chain or a Flow")
        return model if isinstance(model, Chain) else Chain([model], model.shape)

    def sample(self, y: Any, count: int = 100, *, rng: Rng = 0) -> Draws:
        """Return ``count`` samples for each of the measurements y (n, \\*shape_y)."""
        values, back = as_given(y, "y")
        count, noise = check_count(count, "count"), torch_generator(generator(rng))
        condition = as_tensor(values, "y").flatten(1).repeat_interleave(count, 0)
        with torch.no_grad():
            x, _ = self.forward(self._start(condition, noise), condition, noise)
        if not bool(torch.isfinite(x).all()):
            raise NotConverged("the chain diverges: samples are not finite")
        return Draws(back(x.reshape(len(values), count, *self.shape)))

    def _start(self, y: Tensor, generator: torch.Generator) -> Tensor:
        return torch.randn(len(y), math.prod(self.shape), generator=generator)

    def log_weights(
        self, y: Tensor, generator: torch.Generator, log_joint: LogJoint, x: Tensor | None = None
    ) -> Tensor:
        """Return ``log w`` (n,) forward, or backward from exact samples x (n, d)."""
        if x is None:
            start = self._start(y, generator)
            end, total = self.forward(start, y, generator)
        else:
            end = x
            start, total = self.backward(x, y, generator)
        return checked(log_joint, "log_joint", "x, y")(end, y) - log_normal(start) + total

    def check_density(self) -> None:
        """Raise `InputError` if there are kernels other than maps and flows."""
        if not all(isinstance(kernel, (Map, Flow)) for kernel in self.kernels):
            raise InputError("model must be a flow, or a chain of maps: others have no density")

    def log_density(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the logarithms (n,) of the density of samples at x (n, d), see `check_density`."""
        self.check_density()
        start, total = self.backward(x, y, torch.Generator())
        return log_normal(start) - total

    def forward(self, x: Tensor, y: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return the points after all kernels, and the sum of the ratios; see `Kernel`."""
        total = torch.zeros(len(x))
        for kernel in self.kernels:
            x, ratio = kernel.forward(x, y, generator)
            total = total + ratio
        return x, total

    def backward(self, x: Tensor, y: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return points before all kernels, and the sum of the ratios; see `Kernel`."""
        total = torch.zeros(len(x))
        for kernel in reversed(self.kernels):
            x, ratio = kernel.backward(x, y, generator)
            total = total + ratio
        return x, total
