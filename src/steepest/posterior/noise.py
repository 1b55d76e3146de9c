"""Distributions in which flows begin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor


class Noise(Protocol):
    """What a path begins with."""

    def draw(self, n: int, shape: Sequence[int], generator: torch.Generator) -> Tensor:
        """Return n samples (n, \\*shape) in float32."""
        ...


@dataclass(frozen=True)
class Gaussian:
    """Independent standard normal values."""

    def draw(self, n: int, shape: Sequence[int], generator: torch.Generator) -> Tensor:
        """Return n samples (n, \\*shape) in float32."""
        return torch.randn(n, *shape, generator=generator)
