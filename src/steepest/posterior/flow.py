"""A velocity that moves noise to samples of the posterior."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..core.errors import InputError, NotConverged
from ..core.numbers import check_count
from ..core.rng import Rng, generator
from .draws import Draws, as_given
from .paths import Coupling, Gaussian, Path
from .training import as_tensor, as_tensors, torch_generator

_PIECE = 8192  # trajectories at a time
_MOST_DIMENSIONS, _STEPS = 16, 32  # of an exact divergence


@dataclass(frozen=True, eq=False)
class Scale:
    """Standardisation of arrays (n, \\*shape): values that never change have the scale 0."""

    center: Tensor
    scale: Tensor

    @staticmethod
    def of(values: Tensor) -> Scale:
        """Return mean and standard deviation of each value."""
        varies = values.amax(0) > values.amin(0)  # rounding gives constant values a deviation
        center = torch.where(varies, values.mean(0), values[0])
        deviation = values.std(0) if values.numel() else values[0]
        return Scale(center, torch.where(varies, deviation, 0.0))

    def inward(self, values: Tensor) -> Tensor:
        """Return standardised values, also of flat arrays (n, d)."""
        off = values.reshape(len(values), *self.center.shape) - self.center
        return off / torch.where(self.scale > 0, self.scale, 1.0)

    def outward(self, values: Tensor) -> Tensor:
        """Return values on their own scale."""
        return self.center + self.scale * values


@dataclass(frozen=True, eq=False)
class Flow:
    """A sampler of posteriors that was learned from examples; also a `Kernel`.

    Attributes
    ----------
    velocity : nn.Module
        ``(t, x, y) -> v`` on standardised values.
    path : Path
    coupling : Coupling
    x_scale, y_scale : Scale
        Without measurements, those of ``y_scale`` have no values.
    steps : int
        Training steps whose weights are used.
    loss : float
        Mean squared error of the velocity on the held-out examples; NaN if none were held out.
    """

    velocity: nn.Module
    path: Path
    coupling: Coupling
    x_scale: Scale
    y_scale: Scale
    steps: int
    loss: float

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of a data point."""
        return tuple(self.x_scale.center.shape)

    def sample(self, y: Any = None, count: int = 100, *, rng: Rng = 0, num_steps: int = 8) -> Draws:
        """Return samples for each measurement.

        Parameters
        ----------
        y : array or tensor (n, \\*shape_y), optional
            Measurements; none (n = 1) if the flow was learned without.
        count : int
            Samples of each.
        rng : int or numpy.random.Generator
            The same seed gives the same samples.
        num_steps : int
            Steps of Heun's method from noise to data.

        Returns
        -------
        Draws
            In float32, with the error of the time steps, estimated by doubling their number for
            256 samples.

        Raises
        ------
        InputError
            If y does not have the shape of the measurements in the training.
        NotConverged
            If samples are not finite.
        """
        given, back = as_given(np.zeros((1, 0)) if y is None else y, "y")
        wanted = tuple(self.y_scale.center.shape)
        if given.shape[1:] != wanted:
            known = f"of shape {wanted}" if self.y_scale.center.numel() else "of no values"
            raise InputError(f"y must hold measurements {known}, not of shape {given.shape[1:]}")
        values = self._condition(as_tensor(given, "y"))
        count, num_steps = check_count(count, "count"), check_count(num_steps, "num_steps")
        n = len(values)
        start = self.path.start(n * count, self.shape, torch_generator(generator(rng)))
        condition = values.repeat_interleave(count, 0)

        def moved(part: slice, num_steps: int) -> Tensor:
            velocity = partial(self._velocity, condition[part])
            return self.x_scale.outward(_heun(velocity, start[part], num_steps, True))

        some = slice(0, None, max(1, n * count // 256))
        with torch.no_grad():
            pieces = [slice(a, a + _PIECE) for a in range(0, n * count, _PIECE)]
            samples = torch.cat([moved(part, num_steps) for part in pieces])
            fine = moved(some, 2 * num_steps)
        if not bool(torch.isfinite(samples).all()):
            raise NotConverged("the velocity diverges: samples are not finite")
        error = float(((samples[some] - fine) ** 2).mean().sqrt())
        return Draws(back(samples.reshape(n, count, *self.shape)), error)

    def log_density(self, x: Any, y: Any = None) -> np.ndarray:
        """Return the logarithm of the density of samples at x (n, \\*shape) given y, (n,).

        Integrates the exact divergence of the velocity from data to noise, in 32 steps of Heun.

        Raises `InputError` for data of more than 16 values, constant values, or a path that does
        not begin in a `Gaussian`.
        """
        none = np.zeros((len(x), 0)) if y is None else y
        points, given = as_tensors(x, none, "x", "y", shape=self.shape)
        end, logdet = self.backward(points, given, torch.Generator())
        return (log_normal(end) - logdet).numpy().astype(float)

    def forward(self, x: Tensor, y: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return data from noise and the log-determinants, for at most 16 values."""
        u = x.reshape(-1, *self.shape)
        out, logdet = self._transported(u, self._condition(y), forward=True)
        return self.x_scale.outward(out).flatten(1), logdet

    def backward(self, x: Tensor, y: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return noise from data, and the log-determinants of the map to data."""
        u = self.x_scale.inward(x)
        out, logdet = self._transported(u, self._condition(y), forward=False)
        return out.flatten(1), logdet

    def _condition(self, y: Tensor) -> Tensor:
        """Return standardised measurements; a flow that was learned without takes any."""
        flat, d = y.flatten(1), self.y_scale.center.numel()
        if d and flat.shape[1] != d:
            raise InputError(f"y must hold measurements of {d} values, not {flat.shape[1]}")
        return self.y_scale.inward(flat[:, :d])

    def _velocity(self, condition: Tensor, t: float, u: Tensor) -> Tensor:
        v: Tensor = self.velocity(torch.full((len(u),), t), u, condition)
        return v

    def _transported(self, u: Tensor, condition: Tensor, *, forward: bool) -> tuple[Tensor, Tensor]:
        """Return u moved between noise and standardised data, and log|det| from noise to data."""
        size = u[0].numel()
        if size > _MOST_DIMENSIONS:
            raise InputError(
                f"densities are computed for at most {_MOST_DIMENSIONS} values, not {size}"
            )
        if not bool((self.x_scale.scale > 0).all()):
            raise InputError("x has constant values: there is no density")
        if not isinstance(getattr(self.path, "noise", None), Gaussian):
            raise InputError("densities are computed for paths from Gaussian noise only")
        logdet = self.x_scale.scale.log().sum().expand(len(u))

        def velocity(t: float, u: Tensor) -> Tensor:
            nonlocal logdet
            u = u.detach().requires_grad_()
            with torch.enable_grad():
                v = self._velocity(condition, t, u).flatten(1)
                for k in range(size):
                    slope = torch.autograd.grad(v[:, k].sum(), u, retain_graph=True)[0]
                    logdet = logdet + slope.flatten(1)[:, k] / (2 * _STEPS)
            return v.detach().reshape(u.shape)

        return _heun(velocity, u, _STEPS, forward), logdet


def log_normal(x: Tensor) -> Tensor:
    """Return the log-density (n,) of independent standard normal values x (n, \\*shape)."""
    flat = x.flatten(1)
    return -0.5 * (flat**2).sum(1) - flat.shape[1] / 2 * math.log(2 * math.pi)


def _heun(
    velocity: Callable[[float, Tensor], Tensor], u: Tensor, num_steps: int, forward: bool
) -> Tensor:
    """Return u moved from time 0 to 1, or back, by Heun's method."""
    h = 1 / num_steps
    step = h if forward else -h
    for i in range(num_steps):
        t, after = (i * h, (i + 1) * h) if forward else (1 - i * h, 1 - (i + 1) * h)
        v = velocity(t, u)
        u = u + step / 2 * (v + velocity(after, u + step * v))
    return u
