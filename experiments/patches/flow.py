"""patchNR: a normalizing flow of patches as a prior (Altekrueger et al. 2023)."""

from __future__ import annotations

import time

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.patch_peers import random_patches
from benchmarks.patch_tasks import Case, Method, Task

from .descent import descend, windows


class Coupling(nn.Module):
    """An affine coupling of the two halves, after a fixed permutation; |log scale| < 1.6."""

    order: Tensor

    def __init__(self, dimension: int, width: int) -> None:
        super().__init__()
        self.register_buffer("order", torch.randperm(dimension))
        self.size = dimension // 2
        rest = dimension - self.size
        self.first = _network(self.size, 2 * rest, width)
        self.second = _network(rest, 2 * self.size, width)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The image of x, and the logarithm of the determinant."""
        a, b = x[:, self.order].split((self.size, x.shape[1] - self.size), 1)
        b, first = _affine(b, self.first(a))
        a, second = _affine(a, self.second(b))
        return torch.cat((a, b), 1), first + second

    def inverse(self, y: Tensor) -> Tensor:
        """The x whose image is y."""
        a, b = y.split((self.size, y.shape[1] - self.size), 1)
        a = _undo(a, self.second(b))
        b = _undo(b, self.first(a))
        return torch.cat((a, b), 1)[:, self.order.argsort()]


class PatchFlow(nn.Module):
    """log p(x) = log N(T(x); 0, I) + log |det T'(x)|, T made of couplings."""

    mean: Tensor
    scale: Tensor

    def __init__(self, dimension: int, blocks: int = 5, width: int = 128) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(Coupling(dimension, width) for _ in range(blocks))
        self.register_buffer("mean", torch.zeros(()))
        self.register_buffer("scale", torch.ones(()))

    def forward(self, patches: Tensor) -> Tensor:
        """The log-density of each row."""
        x = (patches - self.mean) / self.scale
        total = -x.shape[1] * torch.log(self.scale)
        for block in self.blocks:
            x, change = block(x)
            total = total + change
        return total - 0.5 * (x**2).sum(1) - 0.5 * x.shape[1] * float(np.log(2 * np.pi))


def train(
    patches: np.ndarray,
    *,
    steps: int = 5000,
    batch: int = 256,
    width: int = 128,
    noise: float = 0.5 / 255,
    seed: int = 0,
) -> PatchFlow:
    """Maximum likelihood of rows of patches, blurred by a little noise, with Adam."""
    torch.manual_seed(seed)
    data = torch.from_numpy(patches).float()
    model = PatchFlow(data.shape[1], width=width)
    model.mean, model.scale = data.mean(), data.std()
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for _ in range(steps):
        rows = data[torch.randint(len(data), (batch,))]
        loss = -model(rows + noise * torch.randn_like(rows)).mean()
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 10.0)
        optimiser.step()
        schedule.step()
    return model.eval().requires_grad_(False)


def patch_nr(task: Task, weights: tuple[float, ...], *, size: int = 6, steps: int = 3000) -> Method:
    """Minimise ||A u - f||^2 / (2 noise^2) - weight * sum of log p over all patches."""
    begin = time.process_time()
    model = train(random_patches(task.references, size, 60_000), steps=steps)
    training = time.process_time() - begin

    def restore(case: Case, weight: float) -> np.ndarray:
        def prior(u: Tensor) -> Tensor:
            every = windows(u, size)
            rows = every[torch.randperm(len(every))[: len(every) // 4]]
            return -weight * len(every) * model(rows).mean()

        return descend(case, prior)

    return Method(f"patchNR, 5 x 128, {steps} steps", restore, weights, training)


def _network(inputs: int, outputs: int, width: int) -> nn.Module:
    last = nn.Linear(width, outputs)
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)
    hidden = (nn.Linear(inputs, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU())
    return nn.Sequential(*hidden, last)


def _affine(x: Tensor, parameters: Tensor) -> tuple[Tensor, Tensor]:
    scale, shift = parameters.chunk(2, 1)
    scale = 1.6 * functional.softsign(scale)
    return x * torch.exp(scale) + shift, scale.sum(1)


def _undo(y: Tensor, parameters: Tensor) -> Tensor:
    scale, shift = parameters.chunk(2, 1)
    return (y - shift) * torch.exp(-1.6 * functional.softsign(scale))
