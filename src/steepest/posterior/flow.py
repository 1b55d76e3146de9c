"""Conditional flow matching: a velocity that moves noise to samples of the posterior."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..core.errors import InputError, NotConverged
from ..core.numbers import check_count, check_number
from ..core.rng import Rng, generator
from .couplings import Coupling, choose
from .draws import Draws
from .given import Back, as_given, check_data, check_pairs
from .networks import Dense
from .noise import Gaussian
from .paths import Path, Straight
from .training import Examples, at, torch_generator, train

_FEW, _JITTER = 1000, 0.5  # pairs, and noise added to their measurements
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
        return Scale(center, torch.where(varies, values.std(0), 0.0))

    def inward(self, values: Tensor) -> Tensor:
        """Return standardised values."""
        return (values - self.center) / torch.where(self.scale > 0, self.scale, 1.0)

    def outward(self, values: Tensor) -> Tensor:
        """Return values on their own scale."""
        return self.center + self.scale * values


@dataclass(frozen=True, eq=False)
class Flow:
    """A sampler of posteriors that was learned from examples.

    Attributes
    ----------
    velocity : nn.Module
        ``(t, x, y) -> v`` on standardised values.
    path : Path
    coupling : Coupling
        The coupling in use, also if it was chosen automatically.
    x_scale, y_scale : Scale
        ``y_scale`` is None without measurements.
    steps : int
        Training steps whose weights are used.
    loss : float
        Mean squared error of the velocity on the held-out examples; NaN if none were held out.
    """

    velocity: nn.Module
    path: Path
    coupling: Coupling
    x_scale: Scale
    y_scale: Scale | None
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
            The same seed gives the same samples, whatever ``count`` of others is drawn elsewhere.
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
        values, back = self._given(y)
        count, num_steps = check_count(count, "count"), check_count(num_steps, "num_steps")
        noise = torch_generator(generator(rng))
        n = 1 if values is None else len(values)
        start = self.path.start(n * count, self.shape, noise)
        condition = None if values is None else values.repeat_interleave(count, 0)
        with torch.no_grad():
            pieces = [slice(a, a + _PIECE) for a in range(0, n * count, _PIECE)]
            ends = [self._ends(start[part], at(condition, part), num_steps) for part in pieces]
            some = slice(0, None, max(1, n * count // 256))
            fine = self._ends(start[some], at(condition, some), 2 * num_steps)
        samples = torch.cat(ends)
        if not bool(torch.isfinite(samples).all()):
            raise NotConverged("the velocity diverges: samples are not finite", None)
        error = float(((samples[some] - fine) ** 2).mean().sqrt())
        return Draws(back(samples.reshape(n, count, *self.shape)), error)

    def log_density(self, x: Any, y: Any = None, *, num_steps: int = 64) -> np.ndarray:
        """Return the logarithm of the density of samples at x (n, \\*shape) given y, (n,).

        Integrates the exact divergence of the velocity from data to noise (Heun's method).

        Raises `InputError` for data of more than 16 values, constant values, or a path that does
        not begin in a `Gaussian`.
        """
        condition, _ = self._given(y)
        points, _ = as_given(x, "x")
        u = self.x_scale.inward(torch.from_numpy(points).float())
        end, logdet = self._transported(u, condition, num_steps, forward=False)
        density = log_normal(end) - logdet - self.x_scale.scale.log().sum()
        return density.numpy().astype(float)

    def forward(self, x: Tensor, y: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return data from noise and the log-determinants: a `Kernel` for at most 16 values."""
        out, logdet = self._transported(x, self._inward(y), _STEPS, forward=True)
        data = self.x_scale.outward(out.reshape(-1, *self.shape)).reshape(x.shape)
        return data, logdet + self.x_scale.scale.log().sum()

    def backward(self, x: Tensor, y: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return noise from data, and the log-determinants of the map there."""
        u = self.x_scale.inward(x.reshape(-1, *self.shape)).reshape(x.shape)
        out, logdet = self._transported(u, self._inward(y), _STEPS, forward=False)
        return out, logdet + self.x_scale.scale.log().sum()

    def _inward(self, y: Tensor) -> Tensor | None:
        scale = self.y_scale
        return None if scale is None else scale.inward(y.reshape(-1, *scale.center.shape))

    def _transported(
        self, u: Tensor, condition: Tensor | None, num_steps: int, *, forward: bool
    ) -> tuple[Tensor, Tensor]:
        """Return u moved between noise and standardised data, and log|det| from noise to data."""
        if u[0].numel() > _MOST_DIMENSIONS:
            raise InputError(
                f"densities are computed for at most {_MOST_DIMENSIONS} values, not {u[0].numel()}"
            )
        if not bool((self.x_scale.scale > 0).all()):
            raise InputError("x has constant values: there is no density")
        if not isinstance(getattr(self.path, "noise", None), Gaussian):
            raise InputError("densities are computed for paths from Gaussian noise only")
        shape, u = u.shape, u.reshape(-1, *self.shape)
        logdet, h = torch.zeros(len(u)), 1 / num_steps

        def velocity(t: float, u: Tensor) -> Tensor:
            nonlocal logdet
            u = u.detach().requires_grad_()
            with torch.enable_grad():
                v = self.velocity(torch.full((len(u),), t), u, condition).flatten(1)
                for k in range(v.shape[1]):
                    slope = torch.autograd.grad(v[:, k].sum(), u, retain_graph=True)[0]
                    logdet = logdet + h / 2 * slope.flatten(1)[:, k]
            return v.detach().reshape(u.shape)

        return _heun(velocity, u, num_steps, forward).reshape(shape), logdet

    def _ends(self, u: Tensor, y: Tensor | None, num_steps: int) -> Tensor:
        def velocity(t: float, u: Tensor) -> Tensor:
            v: Tensor = self.velocity(torch.full((len(u),), t), u, y)
            return v

        return self.x_scale.outward(_heun(velocity, u, num_steps, True))

    def _given(self, y: Any) -> tuple[Tensor | None, Back]:
        if self.y_scale is None:
            if y is not None:
                raise InputError("y is not taken: the flow was learned without measurements")
            return None, lambda result: result.numpy()
        values, back = as_given(y, "y")
        wanted = tuple(self.y_scale.center.shape)
        if values.shape[1:] != wanted:
            raise InputError(f"y must hold measurements of shape {wanted}, not {values.shape[1:]}")
        return self.y_scale.inward(torch.from_numpy(values).float()), back


def learn(
    x: Any, y: Any = None, *, path: Path | None = None, coupling: Coupling | str = "auto",
    velocity: nn.Module | None = None, steps: int | None = None, batch_size: int = 256,
    learning_rate: float = 1e-3, rng: Rng = 0,
) -> Flow:  # fmt: skip
    """Learn to sample x given y from examples, by conditional flow matching.

    Minimises the mean of ``|v(t, x_t, y) - dx_t/dt|^2`` over examples, noise and times t, where x_t
    is the path from noise to the example.

    Parameters
    ----------
    x : array or tensor (n, \\*shape)
        Unknowns: vectors, images. At least 10.
    y : array or tensor (n, \\*shape_y), or callable, optional
        The measurement of each. Better, if you can simulate measurements, a function ``(x, rng) ->
        y`` for k examples with noise from the NumPy generator: every batch is measured anew.
        Without y, samples of x are learned.
    path : Path
        By default `Straight` lines from Gaussian noise.
    coupling : Coupling or "auto"
        Which noise goes to which example of a batch. "auto" takes the `Conditional` plan of least
        beta that keeps noise and measurements independent, if it makes the paths shorter by a
        tenth, else `Independent`.
    velocity : nn.Module, optional
        A network ``(t, x, y) -> v``; a copy is trained. By default `Dense`.
    steps : int, optional
        Training steps, on all examples. By default, a fifth of the examples (at most 1024) is
        held out, and the training ends when their loss has not fallen for 400 steps: with few
        examples, networks that train longer become overconfident. With fewer than 1000 fixed pairs,
        a second training adds noise of half a deviation to the measurements of each batch; the
        better of the two is used.
    batch_size, learning_rate
        Of Adam. The weights used are running averages.
    rng : int or numpy.random.Generator
        The same seed gives the same network.

    Returns
    -------
    Flow

    Raises
    ------
    InputError
        If x and y are not pairs, not finite, constant, or too few.
    NotConverged
        If the loss becomes infinite.

    References
    ----------
    Lipman et al., *Flow matching for generative modeling*, ICLR 2023. Chemseddine, Hagemann, Steidl
    & Wald, *Conditional Wasserstein distances with applications in Bayesian OT flow matching*
    (2024). Wald & Steidl, *Flow matching: Markov kernels, stochastic processes and transport plans*
    (2025).
    """
    data, back = as_given(x, "x")
    check_data(data, "x", fewest=10)
    batch = check_count(batch_size, "batch_size", least=2)
    rate = check_number(learning_rate, "learning_rate", positive=True)
    path, random = Straight() if path is None else path, generator(rng)
    noise = torch_generator(random)

    def measured(index: Tensor | slice) -> Tensor:
        found = as_given(y(back(data[index]), random) if callable(y) else y, "y")[0]
        check_pairs(data[index], found)
        return torch.from_numpy(found).float()

    u = torch.from_numpy(data).float()
    x_scale = Scale.of(u)
    u, c, y_scale, renew = x_scale.inward(u), None, None, None
    if y is not None:
        c = measured(slice(None))
        scale = y_scale = Scale.of(c)
        c = scale.inward(c)
        if callable(y):

            def renew(index: Tensor) -> Tensor:
                return scale.inward(measured(index))

    if isinstance(coupling, str):
        if coupling != "auto":
            raise InputError(f"coupling={coupling!r}; allowed are 'auto' and couplings")
        coupling = choose(u, c, path.start(20 * batch, u.shape[1:], noise), batch, random)
    network = _network(velocity, u, c, int(random.integers(2**31)))
    order = torch.from_numpy(random.permutation(len(u)))
    fixed = None if steps is None else check_count(steps, "steps")
    few = c is not None and renew is None and fixed is None and len(u) < _FEW
    tried = [
        train(
            network, Examples(path, coupling, u, c, renew, jitter), order, noise, fixed, batch, rate
        )
        for jitter in ((0.0, _JITTER) if few else (0.0,))
    ]
    best, used, loss = min(tried, key=lambda found: found[2])
    return Flow(best, path, coupling, x_scale, y_scale, used, loss)


def _network(velocity: nn.Module | None, u: Tensor, c: Tensor | None, seed: int) -> nn.Module:
    if velocity is not None:
        with torch.no_grad():
            found = velocity(torch.zeros(2), u[:2], None if c is None else c[:2]).shape
        if found != u[:2].shape:
            wanted = ("n", *u.shape[1:])
            raise InputError(f"velocity must return the shape {wanted}, not {tuple(found)} (n = 2)")
        return velocity
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Dense(u.shape[1:], None if c is None else c.shape[1:])


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
