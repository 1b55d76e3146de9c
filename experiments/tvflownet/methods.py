"""The methods of an evaluation: trained networks, and "u(t) = u0" as the baseline.

A method maps one greyscale image (H, W) and times (T,) in the solver's units to stacks (T, H, W).
The tables only use the functions of `Method`, so anything that has them can be measured.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

BASELINE = "u(t) = u0"
_PIXELS = 1 << 20
"""Pixels per batch: 16 times of a 256x256 crop, which takes about 1 GB in the U-Net."""


class Method(Protocol):
    """The functions that the tables use of a network or any other method."""

    @property
    def network(self) -> str:
        """The row in the paper's tables, such as "unet", or another name."""

    @property
    def training(self) -> str:
        """Training size: "32", "96", "256", "mixed", or ""."""

    @property
    def label(self) -> str:
        """A name that is unique within an evaluation."""

    def frames(self, image: np.ndarray, times: np.ndarray) -> np.ndarray:
        """``u(t)``, (T, H, W)."""

    def divergences(self, image: np.ndarray, times: np.ndarray) -> np.ndarray:
        """``div phi(t)``, (T, H, W), of the instantaneous flux."""

    def derivatives(
        self, image: np.ndarray, times: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
        """``u, u_t, u_tt`` at the times by automatic differentiation; None if not supported."""


@dataclass(frozen=True)
class Still:
    """The baseline ``u(t) = u0, div phi = 0``, which any network must beat."""

    network: str = BASELINE
    training: str = ""
    label: str = BASELINE

    def frames(self, image: np.ndarray, times: np.ndarray) -> np.ndarray:
        """The image at every time."""
        return np.repeat(np.asarray(image, np.float32)[None], len(times), 0)

    def divergences(self, image: np.ndarray, times: np.ndarray) -> np.ndarray:
        """Zeros."""
        return np.zeros((len(times), *image.shape), np.float32)

    def derivatives(
        self, image: np.ndarray, times: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The image, and zeros."""
        zeros = self.divergences(image, times)
        return self.frames(image, times), zeros, zeros


@dataclass(frozen=True, eq=False)
class Learned:
    """A network as a method: all times of an image in batches, without gradients.

    ``module`` has the methods ``forward(u0, t) -> (u, phi)``, with the instantaneous flux, and
    ``solve(u0, t) -> u``, for images (N, 1, H, W) and times (N,) in the solver's units.
    ``metadata`` is that of the weight file; ``digest`` identifies the weights.
    """

    module: Any
    network: str
    training: str = ""
    label: str = ""
    digest: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.label:
            name = f"{self.network}-{self.training}" if self.training else self.network
            object.__setattr__(self, "label", name)

    def frames(self, image: np.ndarray, times: np.ndarray) -> np.ndarray:
        """``module.solve`` at all times."""
        return self._batches(self.module.solve, image, times)[0]

    def divergences(self, image: np.ndarray, times: np.ndarray) -> np.ndarray:
        """The divergence of the flux that ``module.forward`` returns."""
        from steepest.learning.flows.fields import divergence

        return self._batches(lambda u0, t: divergence(self.module(u0, t)[1]), image, times)[0]

    def fluxes(self, image: np.ndarray, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """``u`` (T, H, W) and ``phi`` (T, 2, H, W) of ``module.forward``."""
        u, flux = self._batches(self.module, image, times, planes=False)
        return u[:, 0], flux

    def derivatives(
        self, image: np.ndarray, times: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Time derivatives by forward over forward mode: ``jvp`` of ``jvp`` of ``solve``."""
        from torch import ones_like
        from torch.func import jvp

        from .nested import twice_differentiable

        def first(u0: Any, t: Any) -> tuple[Any, Any]:
            result: Any = jvp(lambda s: self.module.solve(u0, s), (t,), (ones_like(t),))
            return result

        def second(u0: Any, t: Any) -> tuple[Any, Any, Any]:
            both: Any = jvp(lambda s: first(u0, s), (t,), (ones_like(t),))
            (u, u_t), (_, u_tt) = both
            return u, u_t, u_tt

        with twice_differentiable():
            u, u_t, u_tt = self._batches(second, image, times)
        return u, u_t, u_tt

    def _batches(
        self,
        function: Callable[..., Any],
        image: np.ndarray,
        times: np.ndarray,
        *,
        planes: bool = True,
    ) -> tuple[np.ndarray, ...]:
        """The outputs of ``function(u0, t)`` for all times; ``planes`` drops the channel axis."""
        import torch

        first = next(iter(self.module.parameters()), torch.zeros(()))
        u0 = torch.as_tensor(np.ascontiguousarray(image), dtype=first.dtype, device=first.device)
        t = torch.as_tensor(np.asarray(times), dtype=first.dtype, device=first.device)
        chunk = max(1, _PIXELS // image.size)
        parts: list[tuple[Any, ...]] = []
        with torch.no_grad():
            for some in t.split(chunk):
                result = function(u0.expand(len(some), 1, *u0.shape), some)
                parts.append(result if isinstance(result, tuple) else (result,))
        stacks = [torch.cat(column).float().cpu().numpy() for column in zip(*parts, strict=True)]
        return tuple(stack[:, 0] if planes else stack for stack in stacks)
