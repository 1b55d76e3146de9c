"""The losses of the three networks: Eqs. (2), (3) and (4) of the paper.

All norms are means over pixels (and channels), and images have values in [0, 1]. Only then do the
density and the error in Eq. (4) have comparable sizes with ``beta = 1``. Expectations are means
over the batch.
"""

from __future__ import annotations

from torch import Tensor

ALPHA = 0.005
BETA = 1.0


def critic_loss(of_inpainted: Tensor, of_images: Tensor) -> Tensor:
    """Eq. (2): the mean of $d(u, c) - d(f, c)$; minus it estimates a Wasserstein distance.

    Both arguments have shape (N,): the critic's values for inpainted and for original images.
    """
    return (of_inpainted - of_images).mean()


def mean_absolute_error(inpainted: Tensor, images: Tensor) -> Tensor:
    """$|f - u|_1$ divided by the number of values, per image: two (N, C, H, W) to (N,)."""
    return (inpainted - images).abs().flatten(1).mean(1)


def generator_loss(
    of_inpainted: Tensor, inpainted: Tensor, images: Tensor, alpha: float = ALPHA
) -> Tensor:
    r"""Eq. (3): the mean of $-\alpha\, d(u, c) + \|f - u\|_1$.

    ``of_inpainted`` (N,) is d(u, c); ``inpainted`` and ``images`` are (N, C, H, W).
    """
    return (mean_absolute_error(inpainted, images) - alpha * of_inpainted).mean()


def density_loss(mask: Tensor, density: float) -> Tensor:
    """$|\\|b\\|_1 / N - D|$ for each mask: (N, 1, H, W) to (N,)."""
    return (mask.flatten(1).mean(1) - density).abs()


def mask_loss(
    mask: Tensor, inpainted: Tensor, images: Tensor, density: float, beta: float = BETA
) -> Tensor:
    r"""Eq. (4): the mean of $|\,\|b\|_1/N - D\,| + \beta\, \|f - u\|_1$.

    ``mask`` is (N, 1, H, W); ``images`` and their inpaintings from the mask are (N, C, H, W).
    """
    return (density_loss(mask, density) + beta * mean_absolute_error(inpainted, images)).mean()
