"""Exact diffusion inpainting for the training of a mask network."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def solver() -> Any:
    """`steepest.inpaint`, imported on first use; it is differentiable in image and confidence."""
    from steepest.inpainting import inpaint

    return inpaint


def diffuse(images: Tensor, confidence: Tensor) -> Tensor:
    r"""The solution u of $c\,(u - f) - (1 - c)\,\Delta u = 0$ for each image, (N, C, H, W).

    ``images`` f are (N, C, H, W), known everywhere; ``confidence`` c is (N, 1, H, W) in [0, 1].

    The derivative of the left side with respect to c is $u - f + \Delta u$. At an unknown pixel it
    gives the effect of adding the pixel to the mask, at a known pixel the effect of removing it.
    The straight-through gradient of a mask therefore describes changes that are possible.

    For an image without known pixels, u is the mean of the image, which is the limit for equal
    confidences that tend to zero. The derivative with respect to c is then defined as 0.
    """
    inpaint = solver()
    results = []
    for image, known in zip(images, confidence[:, 0], strict=True):
        if bool((known > 0).any()):
            results.append(inpaint(image, known, channel_axis=0).image)
        else:
            results.append(image.mean((1, 2), keepdim=True).expand_as(image))
    return torch.stack(results)
