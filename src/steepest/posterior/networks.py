"""Networks for velocities: (t, x, y) to v."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn


class Dense(nn.Module):
    """A fully connected network for velocities of vectors and small images.

    Parameters
    ----------
    shape : sequence of int
        Shape of a data point.
    shape_y : sequence of int, optional
        Shape of a measurement.
    width, depth : int
        Units of a hidden layer, and number of hidden layers.
    """

    def __init__(
        self, shape: Sequence[int], shape_y: Sequence[int] | None = None, *,
        width: int = 256, depth: int = 3,
    ) -> None:  # fmt: skip
        super().__init__()
        size = math.prod(shape)
        inputs = size + (0 if shape_y is None else math.prod(shape_y)) + 5
        layers: list[nn.Module] = []
        for _ in range(depth):
            layers += [nn.Linear(inputs, width), nn.SiLU()]
            inputs = width
        self.layers = nn.Sequential(*layers, nn.Linear(inputs, size))

    def forward(self, t: Tensor, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return velocities (n, \\*shape) at times t (n,) in [0, 1]."""
        angle = math.pi * t[:, None] * torch.tensor([1.0, 2.0], dtype=x.dtype)
        parts = [x.flatten(1), t[:, None], angle.cos(), angle.sin()]
        if y is not None:
            parts.append(y.flatten(1))
        return self.layers(torch.cat(parts, 1)).reshape(x.shape)
