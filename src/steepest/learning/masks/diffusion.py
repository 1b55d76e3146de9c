"""Exact diffusion inpainting inside the training of a mask network."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def solver() -> Any:
    """`steepest.inpaint`, imported on first use: differentiable in image and confidence."""
    from ...inpainting import inpaint

    return inpaint


def diffuse(images: Tensor, confidence: Tensor) -> Tensor:
    r"""The solution u of $c\,(u - f) - (1 - c)\,\Delta u = 0$ for each image, (N, C, H, W).

    ``images`` f are (N, C, H, W), known everywhere; ``confidence`` c is (N, 1, H, W) in [0, 1].
    With respect to c the derivative of the left side is $u - f + \Delta u$: at a pixel that is not
    known it says what knowing it would change, at a known one what losing it would. So the
    straight-through gradient of a mask is about exchanges of pixels that are really possible.

    Where nothing is known, u is the mean of the image, the limit for equal confidences that tend to
    zero, and the derivative with respect to c is taken to be 0.
    """
    inpaint = solver()
    results = []
    for image, known in zip(images, confidence[:, 0], strict=True):
        if bool((known > 0).any()):
            results.append(inpaint(image, known, channel_axis=0).image)
        else:
            results.append(image.mean((1, 2), keepdim=True).expand_as(image))
    return torch.stack(results)
