"""Conditional flow matching: a velocity that moves noise to samples of the posterior."""

from __future__ import annotations

import copy
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

_EVERY, _PATIENCE, _MOST_STEPS = 50, 400, 20_000
_HELD = 1024  # noise samples of the held-out loss
_PIECE = 8192  # trajectories at a time
_MOST_DIMENSIONS = 16  # of an exact divergence


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
            ends = [self._ends(start[part], _at(condition, part), num_steps) for part in pieces]
            some = slice(0, None, max(1, n * count // 256))
            fine = self._ends(start[some], _at(condition, some), 2 * num_steps)
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
        end, logdet = self.transported(u, condition, num_steps, forward=False)
        density = log_normal(end) - logdet - self.x_scale.scale.log().sum()
        return density.numpy().astype(float)

    def transported(
        self, u: Tensor, condition: Tensor | None, num_steps: int, *, forward: bool
    ) -> tuple[Tensor, Tensor]:
        """Return noise moved to standardised data, or back, and the log-determinant of the map.

        The determinant is that of the map from noise to data in both directions.
        """
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
            v, rate = self._with_divergence(t, u, condition)
            logdet = logdet + h / 2 * rate
            return v

        return _heun(velocity, u, num_steps, forward).reshape(shape), logdet

    def _with_divergence(self, t: float, u: Tensor, y: Tensor | None) -> tuple[Tensor, Tensor]:
        u = u.detach().requires_grad_()
        rate = torch.zeros(len(u))
        with torch.enable_grad():
            v = self.velocity(torch.full((len(u),), t), u, y)
            flat = v.flatten(1)
            for k in range(flat.shape[1]):
                slope = torch.autograd.grad(flat[:, k].sum(), u, retain_graph=True)[0]
                rate += slope.flatten(1)[:, k]
        return v.detach(), rate

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
        examples, networks that train longer become overconfident.
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

    def measured(index: Tensor | slice) -> np.ndarray:
        part = data[index]
        found = as_given(y(back(part), random), "y")[0]
        check_pairs(part, found)
        return found

    given = None if y is None else measured(slice(None)) if callable(y) else as_given(y, "y")[0]
    check_pairs(data, given)
    u = torch.from_numpy(data).float()
    x_scale, y_scale = Scale.of(u), None
    u, c = x_scale.inward(u), None
    if given is not None:
        c = torch.from_numpy(given).float()
        y_scale = Scale.of(c)
        c = y_scale.inward(c)
    if isinstance(coupling, str):
        if coupling != "auto":
            raise InputError(f"coupling={coupling!r}; allowed are 'auto' and couplings")
        coupling = choose(u, c, path.start(20 * batch, u.shape[1:], noise), batch, random)
    renew = None
    if callable(y) and y_scale is not None:
        scale = y_scale

        def renew(index: Tensor) -> Tensor:
            return scale.inward(torch.from_numpy(measured(index)).float())

    network = _network(velocity, u, c, int(random.integers(2**31)))
    order = torch.from_numpy(random.permutation(len(u)))
    held = order[: 0 if steps is not None else min(len(u) // 5, _HELD)]
    chosen = _train(
        network, path, coupling, (u, c), (order[len(held) :], held), noise,
        None if steps is None else check_count(steps, "steps"), batch, rate, renew,
    )  # fmt: skip
    return Flow(chosen[0], path, coupling, x_scale, y_scale, chosen[1], chosen[2])


def _train(
    network: nn.Module, path: Path, coupling: Coupling, data: tuple[Tensor, Tensor | None],
    parts: tuple[Tensor, Tensor], noise: torch.Generator, steps: int | None, batch: int,
    rate: float, renew: Callable[[Tensor], Tensor] | None,
) -> tuple[nn.Module, int, float]:  # fmt: skip
    """Return the averaged network of the least held-out loss, its step and that loss.

    The package's training loop is for hours, with checkpoints and logs in a folder; this one is for
    seconds, in memory.
    """
    (u, c), (rows, held) = data, parts

    def loss(
        net: nn.Module, x: Tensor, y: Tensor | None, z: Tensor, t: Tensor, g: torch.Generator
    ) -> Tensor:
        plan = coupling(z, x, y)
        x, y = x[plan], None if y is None else y[plan]
        place, speed = path.at(x, t, g, z)
        return ((net(t, place, y) - speed) ** 2).mean()

    def held_loss(net: nn.Module) -> float:
        g = torch.Generator().manual_seed(0)
        total, repeats = 0.0, math.ceil(_HELD / len(held))
        for i in range(repeats):
            for part in held.split(batch):  # plans of whole held-out sets would be slow
                z = path.start(len(part), u.shape[1:], g)
                t = (i + torch.rand(len(part), generator=g)) / repeats
                with torch.no_grad():
                    total += len(part) * float(loss(net, u[part], _at(c, part), z, t, g))
        return total / (repeats * len(held))

    optimizer = torch.optim.Adam(network.parameters(), lr=rate)
    mean = copy.deepcopy(network).requires_grad_(False)
    best = copy.deepcopy(mean), 0, math.inf
    for step in range(1, (steps or _MOST_STEPS) + 1):
        pick = torch.randperm(len(rows), generator=noise)[: min(batch, len(rows))]
        z = path.start(len(pick), u.shape[1:], noise)
        t = torch.rand(len(pick), generator=noise)
        index = rows[pick]
        y = _at(c, index) if renew is None else renew(index)
        value = loss(network, u[index], y, z, t, noise)
        if not math.isfinite(value.item()):
            raise NotConverged("the loss is not finite; lower the learning_rate", None)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        share = min(0.995, step / (step + 9))
        with torch.no_grad():
            for slow, fast in zip(mean.parameters(), network.parameters(), strict=True):
                slow.lerp_(fast, 1 - share)
        if steps is None and step % _EVERY == 0:
            found = held_loss(mean)
            if found < best[2]:
                best = copy.deepcopy(mean), step, found
            elif step - best[1] >= _PATIENCE:
                return best
    return (mean, steps, math.nan) if steps is not None else best


def _network(velocity: nn.Module | None, u: Tensor, c: Tensor | None, seed: int) -> nn.Module:
    if velocity is not None:
        with torch.no_grad():
            found = velocity(torch.zeros(2), u[:2], None if c is None else c[:2]).shape
        if found != u[:2].shape:
            wanted = ("n", *u.shape[1:])
            raise InputError(f"velocity must return the shape {wanted}, not {tuple(found)} (n = 2)")
        return copy.deepcopy(velocity)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Dense(u.shape[1:], None if c is None else c.shape[1:])


def torch_generator(random: np.random.Generator) -> torch.Generator:
    """Return a generator of torch, seeded from one of NumPy."""
    return torch.Generator().manual_seed(int(random.integers(2**63 - 1)))


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


def _at(values: Tensor | None, index: Tensor | slice) -> Tensor | None:
    return None if values is None else values[index]
