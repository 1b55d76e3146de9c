"""What the priors of this folder share: patches of an image, and the descent on it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from benchmarks.patch_peers import squared_norm, tv_restore
from benchmarks.patch_tasks import Case


def windows(u: Tensor, size: int) -> Tensor:
    """All patches of an image, one in each row."""
    return u.unfold(0, size, 1).unfold(1, size, 1).reshape(-1, size * size)


def descend(
    case: Case,
    prior: Callable[[Tensor], Tensor],
    *,
    steps: int = 200,
    rate: float = 0.01,
    start_weight: float = 1e-3,
) -> np.ndarray:
    """Minimise ||A u - f||^2 / (2 noise^2) + prior(u) with Adam, from a TV solution."""
    torch.manual_seed(0)
    start = tv_restore(case, start_weight * squared_norm(case), steps=200)
    u = torch.from_numpy(start).float().requires_grad_()
    optimiser = torch.optim.Adam([u], rate, betas=(0.9, 0.99))
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps, rate / 20)
    for _ in range(steps):
        optimiser.zero_grad()
        prior(u).backward()
        residual = case.forward(u.detach().double().numpy()) - case.data
        assert u.grad is not None
        u.grad += torch.from_numpy(case.adjoint(residual) / case.noise**2).float()
        optimiser.step()
        schedule.step()
    return u.detach().double().numpy()
