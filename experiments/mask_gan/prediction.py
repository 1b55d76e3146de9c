"""Masks and inpaintings by trained networks, for images of any size."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import hardsigmoid

from steepest.core.arrays import Layout
from steepest.core.errors import InputError
from steepest.core.numbers import check_fraction
from steepest.inpainting.problem import prepare_numpy

from .binarisation import binarise
from .gan import MaskGAN
from .ranking import keep_highest
from .trunk import draw_seed


@torch.no_grad()
def propose_mask(
    network: MaskGAN, image: Any, density: float | None = None, *, channel_axis: int | None = None
) -> np.ndarray:
    """Choose the pixels of an image to keep: a Boolean array (H, W), the same every time.

    With ``density`` these are exactly ``max(1, round(density * H * W))`` pixels, those of the
    highest confidence. Without it the mask is binarised as in the network's training (additive
    noise: rounded), and contains at least the most confident pixel.

    Raises
    ------
    InputError
        If the network has no mask generator, or the image or the density is not allowed.

    Notes
    -----
    Ranking is not in the paper. It ranks the input of the hard sigmoid, which also orders pixels
    whose confidence is 0 or 1.
    """
    if network.mask is None:
        raise InputError("network has no mask generator: it was trained with mode='inpainting'")
    batch, _, _ = _prepare(image, channel_axis, network)
    seed, random = _seed(batch)
    scores = network.mask.logits(seed, batch)
    if density is not None:
        mask = keep_highest(scores, check_fraction(density, "density"))
    else:
        mask = binarise(hardsigmoid(scores).cpu(), network.mask.final, random)
        if not bool(mask.any()):
            mask = keep_highest(scores, 0.0)
    return np.asarray(mask[0, 0].cpu().numpy() > 0)


@torch.no_grad()
def fill(
    network: MaskGAN, image: Any, mask: np.ndarray, *, channel_axis: int | None = None
) -> np.ndarray:
    """Inpaint an image from the pixels where the Boolean ``mask`` (H, W) is True.

    Returns an array like ``image``, equal to it at the known pixels; its other values do not
    matter.

    Raises
    ------
    InputError
        If the network has no inpainting generator, or the image is not allowed.
    """
    if network.generator is None:
        raise InputError("network has no inpainting generator: it was trained for diffusion")
    batch, planes, layout = _prepare(image, channel_axis, network)
    confidence = torch.from_numpy(mask)[None, None].to(batch)
    result = network.generator(_seed(batch)[0], confidence, confidence * batch)
    values = np.where(mask, planes, result[0].cpu().numpy().astype(planes.dtype))
    return np.asarray(layout.restore(values))


def _prepare(
    image: Any, channel_axis: int | None, network: MaskGAN
) -> tuple[Tensor, np.ndarray, Layout]:
    """A batch of one image for the network; its planes (C, H, W) as floats; its layout."""
    planes, layout = prepare_numpy(image, channel_axis)
    if planes.ndim != 3 or len(planes) != network.channels:
        raise InputError(
            f"image of shape {layout.shape} with channel_axis={channel_axis}; allowed are two "
            f"spatial axes and {network.channels} channels"
        )
    if planes.min() < 0 or planes.max() > 1:
        raise InputError(
            f"image has values in [{planes.min():g}, {planes.max():g}]; allowed is [0, 1]"
        )
    example = next(network.parameters())
    return torch.from_numpy(planes)[None].to(example.device, example.dtype), planes, layout


def _seed(batch: Tensor) -> tuple[Tensor, torch.Generator]:
    """The network's seed r and its generator, on the CPU so that all devices get the same seed."""
    random = torch.Generator().manual_seed(int(np.random.default_rng(0).integers(2**63)))
    return draw_seed(batch.cpu(), random).to(batch), random
