"""The gap that certifies a chain, and two ways to make it smaller."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..core.errors import InputError, NotConverged
from ..core.numbers import check_count, check_number, check_numbers
from ..core.rng import Rng, generator
from .chains import Chain, LogJoint, Metropolis
from .flow import Flow
from .training import InMemory, as_tensors, checked, descend, torch_generator


@dataclass(frozen=True)
class Gap:
    """A bound of the distance from the posteriors in nats, and its standard error.

    The error is NaN for a single pair.
    """

    value: float
    error: float


def gap(
    model: Chain | Flow, log_joint: LogJoint, x_new: Any, y_new: Any, *, repeats: int = 1,
    rng: Rng = 0,
) -> Gap:  # fmt: skip
    """Bound the distance of a sampler from the true posteriors, without knowing p(y).

    ``gap = E_backward log w - E_forward log w >= E_y [KL(q_y | p_y) + KL(p_y | q_y)]``, with
    equality for maps and flows: a duality gap of sampling (bidirectional Monte Carlo: Grosse, Ancha
    & Roy, *Measuring the reliability of MCMC inference*, NIPS 2016).

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

    Raises
    ------
    InputError
        If x and y are not pairs, have too many values for the divergence of a flow, or log_joint
        has another shape, is NaN, or not finite at the pairs.
    NotConverged
        If samples of the model are not finite.

    Notes
    -----
    The gap is infinite if samples lie where the joint density is 0.
    """
    chain, repeats = Chain.of(model), check_count(repeats, "repeats")
    pairs = as_tensors(x_new, y_new, "x_new", "y_new", shape=chain.shape)
    points, given = (values.repeat(repeats, 1) for values in pairs)
    noise = torch_generator(generator(rng))
    with torch.no_grad():  # Langevin steps and flows differentiate by themselves
        ahead = chain.log_weights(given, noise, log_joint).double()
        back = chain.log_weights(given, noise, log_joint, points).double()
    if not bool(back.isfinite().all()):
        raise InputError("log_joint must be finite at x_new and y_new")
    if bool(ahead.isnan().any()):
        raise NotConverged("the model diverges: samples are not finite")
    each = (back - ahead).reshape(repeats, -1).mean(0)
    error = float(each.std()) / math.sqrt(len(each)) if len(each) > 1 else math.nan
    return Gap(float(each.mean()), error)


def bridge(
    model: Chain | Flow, log_joint: LogJoint, *, levels: int = 20,
    sizes: Sequence[float] = (0.05, 0.15, 0.5),
) -> Chain:  # fmt: skip
    """Append annealed Metropolis steps that lead from the model's density to the posterior.

    Level i of n has the density ``q^(1 - i/n) p^(i/n)``, with the density q of the model's samples
    and the joint density p; no training. As in Wu, Koehler & Noe, *Stochastic normalizing flows*,
    NeurIPS 2020, and Neal, *Annealed importance sampling*, Statistics and Computing 11 (2001).

    Parameters
    ----------
    model : Chain or Flow
        A flow, or a chain of maps and flows: they have densities.
    log_joint : callable
        As in `gap`.
    levels : int
        More levels, a smaller `gap`.
    sizes : sequence of float
        Standard deviations of the proposals in each level.

    Raises
    ------
    InputError
        If the model has other kernels than maps and flows.
    """
    base, levels = Chain.of(model), check_count(levels, "levels")
    base.check_density()
    found = np.ravel(check_numbers(sizes, "sizes")).tolist()
    sizes = tuple(check_number(size, "sizes", positive=True) for size in found)
    target = checked(log_joint, "log_joint", "x, y")

    def level(share: float) -> LogJoint:
        if share == 1:
            return target
        return lambda x, y: (1 - share) * base.log_density(x, y) + share * target(x, y)

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
    steps, batch_size, learning_rate
        Of Adam; the learning rate falls to 0 (cosine).
    rng : int or numpy.random.Generator

    Raises
    ------
    InputError
        If there is nothing to train, or x and y are not pairs.
    NotConverged
        If the loss becomes infinite.
    """
    chain = Chain.of(chain, "chain")
    points, condition = as_tensors(x, y, "x", "y", shape=chain.shape)
    noise, batch = torch_generator(generator(rng)), check_count(batch_size, "batch_size")

    def loss(chain: Any) -> Tensor:
        pick = torch.randint(len(points), (batch,), generator=noise)
        y = condition[pick]
        total = chain.log_weights(y, noise, lambda x, y: torch.zeros(len(x)), points[pick]).mean()
        if log_joint is not None:
            total = total - chain.log_weights(y, noise, log_joint).mean()
        return total

    rate = check_number(learning_rate, "learning_rate", positive=True)
    steps = check_count(steps, "steps")
    fitted: Any = descend(InMemory(chain, loss), steps, rate, schedule="cosine").best_network()
    return fitted
