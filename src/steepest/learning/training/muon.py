"""Muon: momentum with orthogonal steps for convolutions, Adam for everything else."""

from collections.abc import Callable
from math import prod
from typing import Any

import torch
from torch import Tensor

_MOMENTUM = 0.95
_SCALE = 0.2  # root mean square of a step of Adam, so that both take the same learning rate
_FEWEST = 16  # outputs: convolutions with fewer read out what the network has found
_ITERATIONS = 5
_QUINTIC = 3.4445, -4.7750, 2.0315  # moves all singular values to 0.7 ... 1.2


class Muon(torch.optim.Adam):
    """Muon of Jordan et al. (2024), with the scale of Liu et al. (2025, *Muon is scalable*).

    The step of a convolution is its momentum, as a matrix (outputs, inputs times pixels), with all
    singular values replaced by about 1. Other parameters, and convolutions with fewer than 16
    outputs, are left to Adam.
    """

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:  # type: ignore[override]
        """Take one step with the gradients; those of the convolutions are given up."""
        for group in self.param_groups:
            same: dict[tuple[int, int], list[Tensor]] = {}
            for each in group["params"]:
                if each.grad is not None and each.ndim > 2 and each.shape[0] >= _FEWEST:
                    same.setdefault((each.shape[0], prod(each.shape[1:])), []).append(each)
            for (rows, columns), parameters in same.items():
                moved = torch.stack([self._direction(each).flatten(1) for each in parameters])
                length = -group["lr"] * _SCALE * max(rows, columns) ** 0.5
                for each, step in zip(parameters, _orthogonal(moved), strict=True):
                    each.add_(step.view(each.shape), alpha=length)
                    each.grad = None  # Adam leaves it out
        return super().step(closure)

    def _direction(self, parameter: Tensor) -> Tensor:
        """Nesterov's momentum."""
        state, gradient = self.state[parameter], parameter.grad
        assert gradient is not None
        if not state:
            state.update(step=torch.tensor(0.0), momentum=torch.zeros_like(parameter))
        momentum: Tensor = state["momentum"]
        momentum.lerp_(gradient, 1 - _MOMENTUM)
        return gradient.lerp(momentum, _MOMENTUM)


def _orthogonal(matrices: Tensor) -> Tensor:
    """(B, M, N) with the singular vectors of ``matrices`` and singular values of about 1."""
    tall = matrices.shape[-2] > matrices.shape[-1]
    x = matrices.mT if tall else matrices
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-12)
    a, b, c = _QUINTIC
    for _ in range(_ITERATIONS):
        square = x @ x.mT
        x = a * x + (b * square + c * square @ square) @ x
    return x.mT if tall else x
