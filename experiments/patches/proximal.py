"""Convolutional proximal networks (Hertrich, Neumayer & Steidl 2020), and plug-and-play with them.

A layer is ``u -> W^T S(W u)``, W a convolution with norm at most 1 and S soft thresholding. It is
the proximal map of a convex function, so it is 1/2-averaged; K layers are K / (K + 1)-averaged.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from scipy.fft import dct
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.patch_peers import random_patches
from benchmarks.patch_tasks import Case

_GRID = 64  # frequencies along an axis, where the norm is computed


def norm_bound(filters: Tensor) -> Tensor:
    """An upper bound of the norm of a convolution (C, 1, k, k), for images of any size.

    The squared norm is at most the maximum of ``sum_c |w_c|^2`` over all frequencies, a
    trigonometric polynomial of degree k - 1 along each axis. Between the N points of a grid it is
    at most ``1 / cos(pi (k - 1) / N)`` times as large as on them, for each axis (Ehlich & Zeller).
    """
    power = torch.fft.rfft2(filters[:, 0], s=(_GRID, _GRID)).abs().square().sum(0)
    between = 1 / math.cos(math.pi * (filters.shape[-1] - 1) / _GRID)
    return between * power.max().sqrt()


class Layer(nn.Module):
    """``W^T S(W u)``; at first W is the cosine transform of all patches, with equal thresholds."""

    def __init__(self, size: int, threshold: float) -> None:
        super().__init__()
        rows = dct(np.eye(size), axis=0, norm="ortho")
        filters = np.einsum("ai,bj->abij", rows, rows).reshape(size**2, 1, size, size) / size
        self.filters = nn.Parameter(torch.from_numpy(filters).float())
        thresholds = torch.full((size**2, 1, 1), threshold)
        thresholds[0] = 0  # of the mean
        self.thresholds = nn.Parameter(thresholds)

    def forward(self, u: Tensor) -> Tensor:
        filters = self.filters / norm_bound(self.filters)
        pad = filters.shape[-1] - 1
        x = functional.conv2d(u, filters, padding=pad)
        threshold = self.thresholds.clamp(min=0)
        return functional.conv_transpose2d(x - x.clamp(-threshold, threshold), filters, padding=pad)


class ProximalNetwork(nn.Module):
    """Layers one after the other, around the grey value 1/2; images (N, 1, H, W)."""

    def __init__(self, layers: int = 2, size: int = 6, noise: float = 0.1) -> None:
        super().__init__()
        self.layers = nn.ModuleList(Layer(size, 2.0 * noise / size / layers) for _ in range(layers))

    def forward(self, u: Tensor) -> Tensor:
        x = u - 0.5
        for layer in self.layers:
            x = layer(x)
        return x + 0.5

    def on_array(self, image: np.ndarray) -> np.ndarray:
        """Apply to one image (H, W), in the precision of the parameters."""
        dtype = next(self.parameters()).dtype
        with torch.no_grad():
            return self(torch.from_numpy(image).to(dtype)[None, None])[0, 0].double().numpy()


def train(
    images: list[np.ndarray], noise: float, *, steps: int = 300, size: int = 6, seed: int = 0
) -> ProximalNetwork:
    """Least squares denoising of 40 x 40 crops, with Adam."""
    torch.manual_seed(seed)
    rows = random_patches(images, 40, 2000, seed)
    data = torch.from_numpy(rows).float().reshape(-1, 1, 40, 40)
    model = ProximalNetwork(size=size, noise=noise)
    optimiser = torch.optim.Adam(model.parameters(), lr=2e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for _ in range(steps):
        clean = data[torch.randint(len(data), (8,))]
        loss = (model(clean + noise * torch.randn_like(clean)) - clean).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    return model.eval().requires_grad_(False)


@dataclass(frozen=True)
class FixedPoint:
    """An iterate of plug-and-play and the certified distance from the fixed point."""

    image: np.ndarray
    bound: float
    iterations: int


def plug_and_play(
    case: Case, denoiser: ProximalNetwork, start: np.ndarray, *, ridge: float = 0.05,
    tol: float = 1e-3, most: int = 5000,
) -> FixedPoint:  # fmt: skip
    """Iterate ``T u = D(u - tau (A^T (A u - f) + ridge (u - start)))`` for ||A|| <= 1.

    With tau = 1 / (1 + ridge) and D nonexpansive, T has the Lipschitz constant
    L = 1 - tau ridge < 1, so that ``||u - u*|| <= ||u - T u|| / (1 - L)`` for its one fixed point
    u*. The iteration ends when this bound, over the root of the number of pixels, is below ``tol``.
    """
    tau = 1 / (1 + ridge)
    u, bound, iterations = start, math.inf, 0
    while iterations < most:
        slope = case.adjoint(case.forward(u) - case.data) + ridge * (u - start)
        new = denoiser.on_array(u - tau * slope)
        bound = float(np.linalg.norm(new - u)) / (tau * ridge)
        iterations += 1
        if bound <= tol * math.sqrt(u.size):
            break
        u = new
    return FixedPoint(u, bound, iterations)
