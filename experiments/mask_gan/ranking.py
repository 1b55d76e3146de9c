"""Masks of an exact density, from scores."""

from __future__ import annotations

import torch
from torch import Tensor


def count_known(density: float, num_pixels: int) -> int:
    """The number of pixels in a mask of this density: ``max(1, round(density * num_pixels))``."""
    return max(1, round(density * num_pixels))


def keep_highest(scores: Tensor, density: float) -> Tensor:
    """Masks (N, 1, H, W) with 1 at the `count_known` highest scores of each image, 0 elsewhere.

    Of equal scores the earlier pixel is taken. The result has the dtype of ``scores``. The cost is
    O(n log n) for n pixels.
    """
    flat = scores.detach().flatten(1)
    order = torch.sort(flat, dim=1, descending=True, stable=True).indices
    kept = order[:, : count_known(density, flat.shape[1])]
    return torch.zeros_like(flat).scatter_(1, kept, 1.0).view_as(scores)


def random_masks(like: Tensor, density: float, generator: torch.Generator | None = None) -> Tensor:
    """Uniformly random masks (N, 1, H, W) of exactly this density for images (N, C, H, W)."""
    scores = like[:, :1]
    random = torch.rand(scores.shape, generator=generator, device=like.device, dtype=torch.float64)
    return keep_highest(random, density).to(like.dtype)
