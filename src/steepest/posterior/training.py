"""Training in memory, for seconds (`steepest.learning` trains for hours, with checkpoints)."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from ..core.errors import NotConverged
from .couplings import Coupling
from .paths import Path

_EVERY, _PATIENCE, _MOST_STEPS = 50, 400, 20_000
_HELD = 1024  # examples held out at most, and noise samples of their loss


def torch_generator(random: np.random.Generator) -> torch.Generator:
    """Return a generator of torch, seeded from one of NumPy."""
    return torch.Generator().manual_seed(int(random.integers(2**63 - 1)))


def at(values: Tensor | None, index: Tensor | slice) -> Tensor | None:
    """Return rows of measurements, if there are any."""
    return None if values is None else values[index]


def descend(
    parameters: Iterable[Tensor], loss: Callable[[], Tensor], steps: int, rate: float,
    after: Callable[[int], bool] | None = None,
) -> None:  # fmt: skip
    """Take steps of Adam until ``after`` a step returns True; without it, the rate falls to 0."""
    optimizer = torch.optim.Adam(parameters, lr=rate)
    for step in range(1, steps + 1):
        if after is None:
            optimizer.param_groups[0]["lr"] = rate / 2 * (1 + math.cos(math.pi * step / steps))
        value = loss()
        if not math.isfinite(value.item()):
            raise NotConverged("the loss is not finite; lower the learning_rate", None)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        if after is not None and after(step):
            return


@dataclass(frozen=True)
class Examples:
    """Standardised examples u and measurements c with their paths.

    For each batch, ``renew`` makes its measurements anew, or ``jitter`` is added to them.
    """

    path: Path
    coupling: Coupling
    u: Tensor
    c: Tensor | None
    renew: Callable[[Tensor], Tensor] | None
    jitter: float = 0.0

    def measured(self, rows: Tensor, g: torch.Generator) -> Tensor | None:
        """Return the measurements of a batch."""
        if self.renew is not None or self.c is None:
            return self.renew and self.renew(rows)
        y = self.c[rows]
        return y + self.jitter * torch.randn(y.shape, generator=g) if self.jitter else y

    def loss(
        self, net: nn.Module, rows: Tensor, y: Tensor | None, t: Tensor, g: torch.Generator
    ) -> Tensor:
        """Return the mean square error of velocities at the times t (n,)."""
        x = self.u[rows]
        z = self.path.start(len(rows), x.shape[1:], g)
        plan = self.coupling(z, x, y)
        x, y = x[plan], at(y, plan)
        place, speed = self.path.at(x, t, g, z)
        return ((net(t, place, y) - speed) ** 2).mean()

    def held_loss(self, net: nn.Module, held: Tensor, batch: int) -> float:
        """Return the loss of held-out examples, always with the same noise."""
        g = torch.Generator().manual_seed(0)
        total, repeats = 0.0, math.ceil(_HELD / len(held))
        for i in range(repeats):
            for part in held.split(batch):  # plans of whole held-out sets would be slow
                t = (i + torch.rand(len(part), generator=g)) / repeats
                with torch.no_grad():
                    total += len(part) * float(self.loss(net, part, at(self.c, part), t, g))
        return total / (repeats * len(held))


def train(
    network: nn.Module, examples: Examples, order: Tensor, noise: torch.Generator,
    steps: int | None, batch: int, rate: float,
) -> tuple[nn.Module, int, float]:  # fmt: skip
    """Train a copy; return the averaged network of the least held-out loss, its step and loss."""
    network = copy.deepcopy(network)
    count = 0 if steps is not None else min(len(order) // 5, _HELD)
    held, rows = order[:count], order[count:]
    mean = copy.deepcopy(network).requires_grad_(False)
    best = copy.deepcopy(mean), steps or 0, math.inf if steps is None else math.nan

    def loss() -> Tensor:
        index = rows[torch.randperm(len(rows), generator=noise)[:batch]]
        t = torch.rand(len(index), generator=noise)
        return examples.loss(network, index, examples.measured(index, noise), t, noise)

    def after(step: int) -> bool:
        nonlocal best
        share = min(0.995, step / (step + 9))
        with torch.no_grad():
            for slow, fast in zip(mean.parameters(), network.parameters(), strict=True):
                slow.lerp_(fast, 1 - share)
        if steps is not None or step % _EVERY:
            return False
        found = examples.held_loss(mean, held, batch)
        if found < best[2]:
            best = copy.deepcopy(mean), step, found
        return step - best[1] >= _PATIENCE

    descend(network.parameters(), loss, steps or _MOST_STEPS, rate, after)
    return best if steps is None else (mean, steps, math.nan)
