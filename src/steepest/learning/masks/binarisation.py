"""From confidences to masks, with a gradient: Table 1 of the paper."""

from __future__ import annotations

import torch
from torch import Tensor

from ...core.errors import InputError

BINARISATIONS = ("hard", "stochastic", "noise")
_LARGEST_NOISE = 0.5


def binarise(
    confidence: Tensor, method: str = "hard", generator: torch.Generator | None = None
) -> Tensor:
    r"""The mask $b(x)$ of confidences $x \in [0, 1]$; its derivative is taken to be 1.

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
        One of `BINARISATIONS`.
    generator : torch.Generator, optional
        Of the random numbers; None: torch's global random state. "hard" needs none.

    Returns
    -------
    tensor
        Shape and dtype of ``confidence``; 0 and 1, but for "noise", which is no mask and only for
        training. Backwards, gradients go through unchanged (straight-through).

    Raises
    ------
    InputError
        Another method.

    Notes
    -----
    Source: section 3.1 and Table 1; Theis et al. (2017). Deviation: the paper does not cut
    $x + \varepsilon$ at 1, with which Eq. (1) would add more than the image. Its noise is
    one-sided, where Theis et al. have $[-1/2, 1/2]$.
    """
    x = confidence.detach()
    if method == "hard":
        mask = torch.floor(x + 0.5)
    elif method in BINARISATIONS:
        random = torch.rand(x.shape, generator=generator, device=x.device, dtype=torch.float32)
        noisy = (x + _LARGEST_NOISE * random).clamp(max=1)
        mask = noisy if method == "noise" else (random < x)
    else:
        raise InputError(f"binarisation={method!r}; allowed are {', '.join(BINARISATIONS)}")
    mask = mask.to(x.dtype)
    return mask + (confidence - x)  # x - x is zero, and its derivative one
