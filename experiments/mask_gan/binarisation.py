"""Turn confidences into masks with a straight-through gradient: Table 1 of the paper."""

from __future__ import annotations

import torch
from torch import Tensor

from steepest.core.numbers import check_choice

BINARISATIONS = ("hard", "stochastic", "noise")
_LARGEST_NOISE = 0.5


def binarise(
    confidence: Tensor, method: str = "hard", generator: torch.Generator | None = None
) -> Tensor:
    r"""The mask $b(x)$ of confidences $x \in [0, 1]$, with the derivative defined as 1.

    ========== ==================================================== =========================
    method     b(x)                                                 paper, Table 1
    ========== ==================================================== =========================
    hard       $\lfloor x + 1/2 \rfloor$                            hard rounding (its choice)
    stochastic 1 with probability x, else 0                         stochastic rounding
    noise      $\min(1, x + \varepsilon)$, $\varepsilon$ uniform    additive noise
               in $[0, 1/2]$
    ========== ==================================================== =========================

    Parameters
    ----------
    confidence : tensor
        Any shape, values in [0, 1].
    method : str
        "hard", "stochastic" or "noise".
    generator : torch.Generator, optional
        Generator of the random numbers; None: torch's global random state. Not used by "hard".

    Returns
    -------
    tensor
        Same shape and dtype as ``confidence``. The values are 0 and 1, except for "noise", whose
        result is not a mask and serves only for training. The backward pass leaves gradients
        unchanged (straight-through estimator).

    Raises
    ------
    InputError
        If the method is unknown.

    Notes
    -----
    Source: section 3.1 and Table 1; Theis et al. (2017). Deviation: the paper does not clip
    $x + \varepsilon$ at 1, and Eq. (1) would then add more than the image. The paper's noise is
    one-sided; that of Theis et al. is in $[-1/2, 1/2]$.
    """
    x = confidence.detach()
    if check_choice(method, "binarisation", BINARISATIONS) == "hard":
        mask = torch.floor(x + 0.5)
    else:
        random = torch.rand(x.shape, generator=generator, device=x.device, dtype=torch.float32)
        noisy = (x + _LARGEST_NOISE * random).clamp(max=1)
        mask = noisy if method == "noise" else (random < x)
    mask = mask.to(x.dtype)
    return mask + (confidence - x)  # adds zero, with derivative one
