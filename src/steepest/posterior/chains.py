"""Chains of kernels, and the gap that certifies them."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..core.errors import InputError, NotConverged
from ..core.numbers import check_count, check_number
from ..core.rng import Rng, generator
from .draws import Draws
from .flow import Flow, log_normal
from .given import as_given, check_pairs
from .kernels import Kernel, LogJoint, Map, Metropolis
from .training import descend, torch_generator


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
        self.kernels = tuple(kernels)
        self.modules_of_kernels = nn.ModuleList(k for k in kernels if isinstance(k, nn.Module))
        self.shape = tuple(shape)

    def sample(self, y: Any, count: int = 100, *, rng: Rng = 0) -> Draws:
        """Return ``count`` samples for each of the measurements y (n, \\*shape_y)."""
        values, back = as_given(y, "y")
        count = check_count(count, "count")
        condition = torch.from_numpy(values).float().flatten(1).repeat_interleave(count, 0)
        noise = torch_generator(generator(rng))
        x = torch.randn(len(condition), math.prod(self.shape), generator=noise)
        with torch.no_grad():
            x, _ = self.forward(x, condition, noise)
        if not bool(torch.isfinite(x).all()):
            raise NotConverged("the chain diverges: samples are not finite", None)
        return Draws(back(x.reshape(len(values), count, *self.shape)))

    def log_weights(
        self, y: Tensor, generator: torch.Generator, log_joint: LogJoint, x: Tensor | None = None
    ) -> Tensor:
        """Return ``log w`` (n,) forward, or backward from exact samples x (n, d)."""
        if x is None:
            start = torch.randn(len(y), math.prod(self.shape), generator=generator)
            end, total = self.forward(start, y, generator)
        else:
            end = x
            start, total = self.backward(x, y, generator)
        value = log_joint(end, y)
        if value.shape != total.shape:
            raise InputError(f"log_joint must return the shape (n,), not {tuple(value.shape)}")
        return value - log_normal(start) + total

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


@dataclass(frozen=True)
class Gap:
    """A bound of the distance from the posteriors, and its standard error."""

    value: float
    error: float


def gap(
    model: Chain | Flow, log_joint: LogJoint, x_new: Any, y_new: Any, *, repeats: int = 1,
    rng: Rng = 0,
) -> Gap:  # fmt: skip
    """Bound the distance of a sampler from the true posteriors, without knowing p(y).

    ``gap = E_backward log w - E_forward log w >= E_y [KL(q_y | p_y) + KL(p_y | q_y)]``, with
    equality for maps and flows: a duality gap of sampling (bidirectional Monte Carlo).

    Parameters
    ----------
    model : Chain or Flow
    log_joint : callable
        ``(x, y) -> (n,)``: log p(x, y) of prior and likelihood for float32 tensors (n, d) and (n,
        m), up to one constant.
    x_new, y_new : arrays or tensors (n, \\*shape), (n, \\*shape_y)
        Simulated pairs: x from the prior, y from its measurement.
    repeats : int
        Runs of the chain for each pair.
    rng : int or numpy.random.Generator
        For the chain.

    Returns
    -------
    Gap
        In nats.

    Raises
    ------
    InputError
        If x and y are not pairs, have too many values for the divergence of a flow, or log_joint
        has another shape.

    References
    ----------
    Grosse, Ancha & Roy, *Measuring the reliability of MCMC inference with bidirectional Monte
    Carlo*, NIPS 2016.
    """
    pairs = _pairs(x_new, y_new, "x_new", "y_new")
    chain, repeats = as_chain(model), check_count(repeats, "repeats")
    points, given = (values.repeat(repeats, 1) for values in pairs)
    noise = torch_generator(generator(rng))
    with torch.no_grad():  # Langevin steps and flows differentiate by themselves
        ahead = chain.log_weights(given, noise, log_joint).double()
        back = chain.log_weights(given, noise, log_joint, points).double()
    difference = (back - ahead).reshape(repeats, -1).mean(0)
    error = float(difference.std()) / math.sqrt(len(difference)) if len(difference) > 1 else np.nan
    return Gap(float(difference.mean()), error)


def as_chain(model: Chain | Flow) -> Chain:
    """Return a chain itself, or a flow as a chain of one kernel."""
    if isinstance(model, Chain):
        return model
    if isinstance(model, Flow):
        return Chain([model], model.shape)
    raise InputError(f"model of type {type(model).__name__} must be a Chain or a Flow")


def bridge(
    model: Chain | Flow, log_joint: LogJoint, *, levels: int = 20,
    sizes: Sequence[float] = (0.05, 0.15, 0.5),
) -> Chain:  # fmt: skip
    """Append annealed Metropolis steps that lead from the model's density to the posterior.

    Level i of n has the density ``q^(1 - i/n) p^(i/n)``, with the density q of the model's samples
    and the joint density p; no training. The model must be made of maps or be a flow, which have
    densities.

    Parameters
    ----------
    model : Chain or Flow
    log_joint : callable
        As in `gap`.
    levels : int
        More levels, a smaller `gap`.
    sizes : sequence of float
        Standard deviations of the proposals in each level.

    Returns
    -------
    Chain

    Raises
    ------
    InputError
        If the model has other kernels than maps and flows.

    References
    ----------
    Wu, Koehler & Noe, *Stochastic normalizing flows*, NeurIPS 2020. Neal, *Annealed importance
    sampling*, Statistics and Computing 11 (2001).
    """
    base, levels = as_chain(model), check_count(levels, "levels")
    if not all(isinstance(kernel, (Map, Flow)) for kernel in base.kernels):
        raise InputError("model must be a flow, or a chain of maps: other kernels have no density")
    sizes = tuple(check_number(size, "sizes", positive=True) for size in sizes)

    def log_model(x: Tensor, y: Tensor) -> Tensor:
        x, total = base.backward(x, y, torch.Generator())
        return log_normal(x) - total

    def level(share: float) -> LogJoint:
        if share == 1:
            return log_joint
        return lambda x, y: (1 - share) * log_model(x, y) + share * log_joint(x, y)

    steps = [Metropolis(level((i + 1) / levels), sizes) for i in range(levels)]
    return Chain([*base.kernels, *steps], base.shape)


def fit_chain(
    chain: Chain, log_joint: LogJoint | None, x: Any, y: Any, *, steps: int = 2000,
    batch_size: int = 256, learning_rate: float = 1e-3, rng: Rng = 0,
) -> Chain:  # fmt: skip
    """Train the modules in a chain on pairs.

    Minimises the mean of ``-log w`` backward from the examples, the part of the `gap` that depends
    on them; with ``log_joint``, the mean of ``-log w`` forward is added with the weight 1. For a
    chain of maps, the first part is the negative log-likelihood.

    Parameters
    ----------
    chain : Chain
        A copy is trained.
    log_joint : callable or None
        As in `gap`.
    x, y : arrays or tensors (n, \\*shape), (n, \\*shape_y)
        Pairs.
    steps, batch_size, learning_rate
        Of Adam; the learning rate falls to 0 (cosine).
    rng : int or numpy.random.Generator

    Returns
    -------
    Chain

    Raises
    ------
    InputError
        If there is nothing to train, or x and y are not pairs.
    NotConverged
        If the loss becomes infinite.
    """
    chain = copy.deepcopy(chain)
    parameters = list(chain.parameters())
    if not parameters:
        raise InputError("chain has no weights to train")
    points, condition = _pairs(x, y, "x", "y")
    noise, batch = torch_generator(generator(rng)), check_count(batch_size, "batch_size")

    def loss() -> Tensor:
        pick = torch.randint(len(points), (batch,), generator=noise)
        y = condition[pick]
        total = chain.log_weights(y, noise, lambda x, y: torch.zeros(len(x)), points[pick]).mean()
        if log_joint is not None:
            total = total - chain.log_weights(y, noise, log_joint).mean()
        return total

    rate = check_number(learning_rate, "learning_rate", positive=True)
    descend(parameters, loss, check_count(steps, "steps"), rate)
    return chain


def _pairs(x: Any, y: Any, *names: str) -> tuple[Tensor, Tensor]:
    """Return pairs as tensors (n, d) and (n, m)."""
    one, two = (as_given(values, name)[0] for values, name in zip((x, y), names, strict=True))
    check_pairs(one, two)
    return torch.from_numpy(one).float().flatten(1), torch.from_numpy(two).float().flatten(1)


def sensitivity(model: Any, y: Any, *, count: int = 200, size: float = 0.01, rng: Rng = 0) -> Any:
    """Return how much posteriors move when the measurements change.

    The mean distance of samples with the same noise, ``E |T(z, y) - T(z, y')|``, bounds the
    Wasserstein distance of the posteriors of y and y'. Returned is the mean of this over random
    directions, divided by ``|y - y'|``: an estimate of the local Lipschitz constant.

    Parameters
    ----------
    model : Flow or other sampler
        Whose samples are the same for the same ``rng``.
    y : array or tensor (n, \\*shape_y)
        Measurements.
    count : int
        Samples of each.
    size : float
        Size of the change of y, relative to the standard deviation of all values of y (their
        size, if there is only one).
    rng : int or numpy.random.Generator

    Returns
    -------
    array (n,)
    """
    values, random = as_given(y, "y")[0], generator(rng)
    seed, n = int(random.integers(2**31)), len(values)
    unit = float(values.std()) or float(np.abs(values).max()) or 1.0
    step = check_number(size, "size", positive=True) * unit
    flat = random.standard_normal((n, values[0].size))
    flat *= step / 2 / np.linalg.norm(flat, axis=1, keepdims=True)
    move = flat.reshape(values.shape).astype(values.dtype)
    ends = [model.sample(each, count, rng=seed).samples for each in (values - move, values + move)]
    one, other = (np.asarray(each, float).reshape(n, count, -1) for each in ends)
    return np.linalg.norm(other - one, axis=2).mean(1) / step
