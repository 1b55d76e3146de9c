"""Noise with a part in proportion to the signal and a constant part, from measurements alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..core.errors import InputError
from ..core.numbers import check_count, check_number, check_numbers
from ..core.rng import Rng, generator
from ..core.status import Status
from .chains import Metropolis
from .draws import as_given
from .flow import Flow
from .training import checked, torch_generator

_INNER = 60  # steps of the closed update between draws
_FLOOR = 1e-12  # variances


@dataclass(frozen=True)
class MixedNoise:
    """Deviations of ``y = f + a f xi_1 + b xi_2`` with independent normal xi.

    Attributes
    ----------
    relative, constant : float
        The deviations a and b.
    iterations : int
    status : Status
    """

    relative: float
    constant: float
    iterations: int
    status: Status


def update(signal: Any, residual: Any, a2: float, b2: float) -> tuple[float, float]:
    """Return the variances a^2 and b^2 after one step of EM with known signals f.

    With ``A = a^2 f^2`` and ``v = A + b^2``, the expected squares of the two parts of a residual r
    are ``(A / v)^2 r^2 + A b^2 / v`` and ``(b^2 / v)^2 r^2 + A b^2 / v``. The likelihood does not
    decrease.
    """
    squares = signal**2
    part = a2 * squares
    total = part + b2
    rest = part * b2 / total
    one = (part / total) ** 2 * residual**2 + rest
    two = (b2 / total) ** 2 * residual**2 + rest
    known = squares > _FLOOR
    if not known.any():
        raise InputError("signals of forward are zero or below 1e-6: choose another unit")
    return float((one[known] / squares[known]).mean()), float(two.mean())


def estimate_mixed_noise(
    y: Any, forward: Callable[[Tensor], Tensor], model: Flow, log_prior: Callable[[Tensor], Tensor],
    *, start: tuple[float, float] = (0.1, 0.1), num_draws: int = 40, metropolis: int = 15,
    max_num_iter: int = 100, rng: Rng = 0,
) -> MixedNoise:  # fmt: skip
    """Estimate the noise of measurements whose signals are unknown, by EM.

    Samples of x begin as draws of a flow that was learned once for all noise levels, and move by
    Metropolis steps with the exact likelihood, so that they follow the deviations, which have
    closed updates. (Hagemann, Gruhlke, Stankewitz, Schillings & Steidl, *Provable mixed-noise
    learning with flow matching*, 2025, train a network in each EM step.)

    Parameters
    ----------
    y : array or tensor (n, m)
        Measurements with the same a and b.
    forward : callable
        From tensors x (k, d) to signals (k, m).
    model : Flow
        Learned from pairs of x and ``[y, log a, log b]`` (m + 2 values), with a and b drawn from
        the range to be expected.
    log_prior : callable
        The log-density of x, (k,), up to a constant.
    start : tuple of float
        First values of a and b.
    num_draws, metropolis : int
        Draws for each measurement (at least 2), and Metropolis steps of each.
    max_num_iter : int
        EM steps. The last third is averaged. A part of the noise that is much smaller than its
        start, and than the other part, takes most of them.
    rng : int or numpy.random.Generator

    Raises
    ------
    InputError
        If y is not a finite matrix or does not fit the model, or functions return NaN, other
        shapes, or only zero signals.
    """
    values = as_given(y, "y")[0].astype(np.float32)
    if values.ndim != 2:
        raise InputError(f"y must have the shape (n, m), not {values.shape}")
    if not isinstance(model, Flow):
        raise InputError(f"model of type {type(model).__name__} must be a Flow")
    if tuple(model.y_scale.center.shape) != (values.shape[1] + 2,):
        raise InputError("model must be learned from measurements [y, log a, log b]")
    if (pair := check_numbers(start, "start")).shape != (2,):
        raise InputError(f"start={start!r} must be two numbers, a and b")
    a, b = (check_number(v, "start", positive=True) for v in pair.tolist())
    draws = check_count(num_draws, "num_draws", least=2)
    steps = check_count(metropolis, "metropolis")
    signals = checked(forward, "forward", "x", values.shape[1])
    prior = checked(log_prior, "log_prior", "x")
    total = check_count(max_num_iter, "max_num_iter", least=3)
    random = generator(rng)
    noise = torch_generator(random)
    data = torch.from_numpy(values).repeat_interleave(draws, 0)
    noisy = np.hstack([values, np.tile(np.log([a, b]), (len(values), 1))])
    x = torch.as_tensor(model.sample(noisy, draws, rng=random).samples).reshape(len(data), -1)
    a2, b2, kept = a * a, b * b, []

    def log_density(x: Tensor, y: Tensor) -> Tensor:
        f = signals(x)
        variance = a2 * f**2 + b2
        return prior(x) - 0.5 * ((y - f) ** 2 / variance + variance.log()).sum(1)

    for _ in range(total):
        # the flow finds the modes for the first noise level; after that the chains go on
        spread = x.reshape(-1, draws, x.shape[1]).std(1).median(0).values.clamp(min=1e-6)
        sizes = [spread * 0.5 ** (i % 5) for i in range(steps)]
        with torch.no_grad():
            x, _ = Metropolis(log_density, sizes).forward(x, data, noise)
            signal = signals(x).double()
        for _ in range(_INNER):
            a2, b2 = (max(v, _FLOOR) for v in update(signal, data - signal, a2, b2))
        kept.append((a2**0.5, b2**0.5))
    before, last = np.array(kept[-2 * (total // 3) :]).reshape(2, -1, 2).mean(1)
    settled = (np.abs(last - before) <= 0.1 * last).all()
    status = Status.STATIONARY if settled else Status.MAX_ITERATIONS
    return MixedNoise(float(last[0]), float(last[1]), total, status)
