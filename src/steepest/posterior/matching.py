"""Conditional flow matching: a velocity is learned from examples."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..core.errors import InputError
from ..core.numbers import check_count, check_number
from ..core.rng import Rng, generator
from .draws import as_given, as_pairs, check_data, check_function, check_methods
from .flow import Flow, Scale
from .paths import Coupling, Independent, Path, Straight
from .training import Dense, InMemory, as_tensor, descend, torch_generator

_FEW, _JITTER = 1000, 0.5  # pairs, and noise added to their measurements
_LEAST = 1e-18  # largest value of examples, whose variance is computed in float32
_HELD = 1024  # examples held out at most, and noise samples of their loss


def learn(
    x: Any, y: Any = None, *, path: Path | None = None, coupling: Coupling | None = None,
    velocity: nn.Module | None = None, steps: int | None = None, batch_size: int = 256,
    learning_rate: float = 1e-3, rng: Rng = 0,
) -> Flow:  # fmt: skip
    """Learn to sample x given y from examples, by conditional flow matching.

    Minimises the mean of ``|v(t, x_t, y) - dx_t/dt|^2`` over examples, noise and times t, where x_t
    is the path from noise to the example (Lipman et al., *Flow matching for generative modeling*,
    ICLR 2023; Wald & Steidl, *Flow matching: Markov kernels, stochastic processes and transport
    plans*, 2025).

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
    coupling : Coupling
        Which noise goes to which example of a batch: any by default (`Independent`). A
        `Conditional` plan is for samples in very few time steps.
    velocity : nn.Module, optional
        A network ``(t, x, y) -> v``; a copy is trained. By default `Dense`. Without measurements,
        y has the shape (n, 0).
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

    Raises
    ------
    InputError
        If x and y are not pairs, not finite, constant, or too few.
    NotConverged
        If the loss becomes infinite.
    """
    data, back = as_given(x, "x")
    check_data(data, "x", fewest=10)
    batch = check_count(batch_size, "batch_size", least=2)
    rate = check_number(learning_rate, "learning_rate", positive=True)
    fixed = None if steps is None else check_count(steps, "steps")
    path, coupling = path or Straight(), coupling or Independent()
    check_methods(path, "path", "start", "at")
    check_function(coupling, "coupling", "z, x, y")
    if callable(y):
        check_function(y, "y", "x, rng")
    random = generator(rng)
    noise = torch_generator(random)
    given = np.zeros((len(data), 0)) if y is None else y

    def measured(rows: Tensor | slice) -> Tensor:
        found = given(back(data[rows]), random) if callable(given) else given
        return as_tensor(as_pairs(data[rows], found, "x", "y")[1], "y", _LEAST)

    def anew(rows: Tensor) -> Tensor:
        y = measured(rows)
        if y.shape[1:] != (wanted := y_scale.center.shape):
            shapes = f"{tuple(wanted)} and {tuple(y.shape[1:])}"
            raise InputError(f"y returns measurements of different shapes: {shapes}")
        return y_scale.inward(y)

    def jittered(rows: Tensor) -> Tensor:
        return c[rows] + _JITTER * torch.randn(c[rows].shape, generator=noise)

    u, c = as_tensor(data, "x", _LEAST), measured(slice(None))
    x_scale, y_scale = Scale.of(u), Scale.of(c)
    u, c = x_scale.inward(u), y_scale.inward(c)
    network = _network(velocity, u, c, int(random.integers(2**31)))
    order = torch.from_numpy(random.permutation(len(u)))
    count = 0 if fixed else min(len(u) // 5, _HELD)
    ways = [anew] if callable(y) else [lambda rows: c[rows]]
    if c.numel() and not callable(y) and not fixed and len(u) < _FEW:
        ways.append(jittered)
    parts = order[count:], order[:count], batch, noise
    tried = [Examples(path, coupling, u, c, way, *parts) for way in ways]
    tasks = [InMemory(network, each.batch_loss, each.held_loss) for each in tried]
    found = [descend(task, fixed, rate, average=0.995) for task in tasks]
    best = min(found, key=lambda learner: learner.best_score)
    used = fixed or best.best_epoch * best.recipe.steps_per_epoch
    loss = best.best_score if count else math.nan
    return Flow(best.best_network(), path, coupling, x_scale, y_scale, used, loss)


def _network(velocity: nn.Module | None, u: Tensor, c: Tensor, seed: int) -> nn.Module:
    if velocity is not None:
        if not isinstance(velocity, nn.Module):
            raise InputError(f"velocity must be a torch.nn.Module, not {velocity!r}")
        try:
            with torch.no_grad():
                found = velocity(torch.zeros(2), u[:2], c[:2]).shape
        except (RuntimeError, TypeError) as error:
            shapes = f"x {tuple(u[:2].shape)} and y {tuple(c[:2].shape)}"
            raise InputError(f"velocity does not take {shapes}: {error}") from None
        if found != u[:2].shape:
            wanted = ("n", *u.shape[1:])
            raise InputError(f"velocity must return the shape {wanted}, not {tuple(found)} (n = 2)")
        return velocity
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Dense(u.shape[1:], c.shape[1:])


@dataclass(frozen=True, eq=False)
class Examples:
    """Standardised examples u with measurements c, in rows for the training and held-out ones.

    ``measured`` gives the standardised measurements of a batch of rows.
    """

    path: Path
    coupling: Coupling
    u: Tensor
    c: Tensor
    measured: Callable[[Tensor], Tensor]
    rows: Tensor
    held: Tensor
    batch: int
    noise: torch.Generator

    def batch_loss(self, net: nn.Module) -> Tensor:
        """Return the mean square error of velocities of a batch at random times."""
        pick = self.rows[torch.randperm(len(self.rows), generator=self.noise)[: self.batch]]
        t = torch.rand(len(pick), generator=self.noise)
        return self._loss(net, pick, self.measured(pick), t, self.noise)

    def held_loss(self, net: nn.Module) -> float:
        """Return that of the held-out examples, always with the same noise; 0 if there are none."""
        if not len(self.held):
            return 0.0
        g = torch.Generator().manual_seed(0)
        total, repeats = 0.0, math.ceil(_HELD / len(self.held))
        for i in range(repeats):
            for part in self.held.split(self.batch):  # plans of whole held-out sets would be slow
                t = (i + torch.rand(len(part), generator=g)) / repeats
                with torch.no_grad():
                    total += len(part) * float(self._loss(net, part, self.c[part], t, g))
        return total / (repeats * len(self.held))

    def _loss(
        self, net: nn.Module, rows: Tensor, y: Tensor, t: Tensor, g: torch.Generator
    ) -> Tensor:
        x = self.u[rows]
        z = self.path.start(len(rows), x.shape[1:], g)
        plan = self.coupling(z, x, y)
        place, speed = self.path.at(z, x[plan], t, g)
        return ((net(t, place, y[plan]) - speed) ** 2).mean()
