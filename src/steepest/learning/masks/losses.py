"""What the three networks minimise: Eqs. (2), (3) and (4) of the paper.

All norms are means over pixels (and channels), and images lie in [0, 1]: only so do a density, an
error and ``beta = 1`` fit together in Eq. (4). Expectations are means over the batch.
"""

from __future__ import annotations

from torch import Tensor

ALPHA = 0.005
BETA = 1.0


def critic_loss(of_inpainted: Tensor, of_images: Tensor) -> Tensor:
    """Eq. (2): the mean of $d(u, c) - d(f, c)$; minus it estimates a Wasserstein distance.

    Both arguments (N,): what the critic says of inpainted and of original images.
    """
    return (of_inpainted - of_images).mean()


def mean_absolute_error(inpainted: Tensor, images: Tensor) -> Tensor:
    """$|f - u|_1$ divided by the number of values, for each image: (N, C, H, W) twice to (N,)."""
    return (inpainted - images).abs().flatten(1).mean(1)


def generator_loss(
    of_inpainted: Tensor, inpainted: Tensor, images: Tensor, alpha: float = ALPHA
) -> Tensor:
    r"""Eq. (3): the mean of $-\alpha\, d(u, c) + \|f - u\|_1$.

    ``of_inpainted`` (N,) is d(u, c); ``inpainted`` and ``images`` are (N, C, H, W).
    """
    return (mean_absolute_error(inpainted, images) - alpha * of_inpainted).mean()


def density_loss(mask: Tensor, density: float) -> Tensor:
    """$|\\|b\\|_1 / N - D|$ of each mask (N, 1, H, W): (N,)."""
    return (mask.flatten(1).mean(1) - density).abs()


def mask_loss(
    mask: Tensor, inpainted: Tensor, images: Tensor, density: float, beta: float = BETA
) -> Tensor:
    r"""Eq. (4): the mean of $|\,\|b\|_1/N - D\,| + \beta\, \|f - u\|_1$.

    ``mask`` is (N, 1, H, W), ``inpainted`` (from it) and ``images`` (N, C, H, W).
    """
    return (density_loss(mask, density) + beta * mean_absolute_error(inpainted, images)).mean()
