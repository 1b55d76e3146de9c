"""What docs/coming_from.md says of deepinv and kornia, whose formulas are written out here."""

from collections.abc import Callable

import numpy as np
import pytest

import steepest
from cases.arguments import arguments

torch = pytest.importorskip("torch")

Y = torch.tensor(np.random.default_rng(0).random((2, 3, 12, 14)))


def differences(x: torch.Tensor) -> torch.Tensor:
    """Forward differences of (..., H, W), zero in the last row and column, (2, ..., H, W)."""
    down, across = torch.zeros_like(x), torch.zeros_like(x)
    down[..., :-1, :], across[..., :-1] = x.diff(dim=-2), x.diff(dim=-1)
    return torch.stack([down, across])


def kornia_total_variation(x: torch.Tensor) -> torch.Tensor:
    return x.diff(dim=-2).abs().sum((-2, -1)) + x.diff(dim=-1).abs().sum((-2, -1))


def is_least(
    loss: Callable[[torch.Tensor], torch.Tensor], strength: float, **options: bool
) -> None:
    """Of all strengths, the one claimed has the least loss; nor does any small change lower it."""

    def solved(factor: float) -> torch.Tensor:
        return steepest.denoise(
            Y,
            factor * strength,
            batch_axis=0,
            channel_axis=1,
            **arguments(coupled=False, tol=1e-9, **options),
        ).image

    best = solved(1.0)
    assert float(loss(best)) < min(float(loss(solved(f))) for f in (0.9, 0.97, 1.03, 1.1))
    rng = np.random.default_rng(1)
    for size in (1e-3, 1e-2):
        other = best + size * torch.tensor(rng.standard_normal(Y.shape))
        assert float(loss(best)) < float(loss(other))


def test_strength_is_the_threshold_of_deepinv() -> None:
    is_least(lambda x: ((x - Y) ** 2).sum() / 2 + 0.1 * differences(x).norm(dim=0).sum(), 0.1)


def test_losses_with_the_total_variation_of_kornia() -> None:
    def summed(x: torch.Tensor) -> torch.Tensor:
        return ((x - Y) ** 2).sum() / 2 + 0.1 * kornia_total_variation(x).sum()

    def mean(x: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.mse_loss(x, Y) + 1e-4 * kornia_total_variation(x).sum()

    is_least(summed, 0.1, isotropic=False)
    is_least(mean, 1e-4 * Y.numel() / 2, isotropic=False)
