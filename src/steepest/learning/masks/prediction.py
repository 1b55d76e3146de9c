"""Masks and inpaintings by trained networks, for images of any size."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...core.arrays import Layout, as_array
from ...core.errors import InputError
from ...core.grey import LUMA
from ...core.numbers import check_fraction
from ...core.rng import Rng, generator
from ...inpainting.problem import prepare_numpy
from .binarisation import binarise
from .gan import MaskGAN
from .generator import InpaintingGenerator
from .mask_generator import MaskGenerator
from .ranking import keep_highest
from .trunk import draw_seed


@torch.no_grad()
def propose_mask(
    network: MaskGAN | MaskGenerator,
    image: Any,
    density: float | None = None,
    *,
    channel_axis: int | None = None,
    rng: Rng = 0,
) -> np.ndarray:
    """Choose the pixels of an image to keep, in one forward pass of a mask generator.

    Parameters
    ----------
    network : MaskGAN or MaskGenerator
        A network from `load`. It runs on the device and in the precision of its weights.
    image : array (H, W), or with a channel axis of length 1 or 3
        uint8, uint16, or floats in [0, 1]. For a colour network a greyscale image is repeated; for
        a greyscale network a colour image is converted to luma.
    density : float, optional
        Share of pixels to keep, in (0, 1]: exactly ``max(1, round(density * H * W))`` pixels, those
        of the highest confidence. None: the network decides, which gives roughly the density it was
        trained for. It keeps the pixels of confidence 1/2 or more or, if it was trained with
        stochastic rounding, each pixel with its confidence as probability; and at least the most
        confident pixel.
    channel_axis : int, optional
        Axis of the channels; None for a greyscale image.
    rng : int, Generator or None
        Random seed or generator. The default 0 gives the same mask every time; None gives a new
        mask every time.

    Returns
    -------
    Boolean array (H, W)
        True at the pixels to keep.

    Raises
    ------
    InputError
        If the network has no mask generator, or the image or the density is not allowed.

    Notes
    -----
    Ranking is not in the paper. It ranks the input of the hard sigmoid, which also orders pixels
    whose confidence is 0 or 1.
    """
    own = network.mask if isinstance(network, MaskGAN) else network
    if not isinstance(own, MaskGenerator):
        raise InputError("network has no mask generator: it was trained with mode='inpainting'")
    density = None if density is None else check_fraction(density, "density")
    batch, _, _ = _prepare(image, channel_axis, own)
    seed, random = _seed(own.noise, batch, rng)
    scores = own.logits(seed, batch)
    if density is not None:
        mask = keep_highest(scores, density)
    else:
        confidence = torch.nn.functional.hardsigmoid(scores).cpu()
        mask = binarise(confidence, own.final, random)
        if not bool(mask.any()):
            mask = keep_highest(scores, 0.0)
    return np.asarray(mask[0, 0].cpu().numpy() > 0)


@torch.no_grad()
def fill(
    network: MaskGAN | InpaintingGenerator,
    image: Any,
    mask: Any,
    *,
    channel_axis: int | None = None,
    rng: Rng = 0,
) -> np.ndarray:
    """Inpaint an image from the pixels where ``mask`` is True, by a trained generator.

    Parameters
    ----------
    network : MaskGAN or InpaintingGenerator
        A network from `load`. It runs on the device and in the precision of its weights.
    image : array (H, W), or with a channel axis of length 1 or 3
        uint8, uint16, or floats in [0, 1], with as many channels as the network has. Values outside
        the mask do not affect the result.
    mask : Boolean array (H, W)
        True at the known pixels.
    channel_axis : int, optional
        Axis of the channels; None for a greyscale image.
    rng : int, Generator or None
        Random seed or generator of the network's random input.

    Returns
    -------
    array
        Same shape and dtype as ``image``, and equal to it at the known pixels.

    Raises
    ------
    InputError
        If the network has no inpainting generator, or the image or the mask is not allowed.
    """
    own = network.generator if isinstance(network, MaskGAN) else network
    if not isinstance(own, InpaintingGenerator):
        raise InputError("network has no inpainting generator: it was trained for diffusion")
    batch, planes, layout = _prepare(image, channel_axis, own, convert=False)
    known = np.asarray(as_array(mask, "mask"))
    if known.dtype != np.bool_ or known.shape != tuple(batch.shape[2:]):
        raise InputError(
            f"mask of type {known.dtype} and shape {known.shape}; allowed is a Boolean array of "
            f"shape {tuple(batch.shape[2:])}"
        )
    confidence = torch.from_numpy(known)[None, None].to(batch)
    result = own(_seed(own.noise, batch, rng)[0], confidence, confidence * batch)
    values = np.where(known, planes, result[0].cpu().numpy().astype(planes.dtype))
    return np.asarray(layout.restore(values))


def _prepare(
    image: Any,
    channel_axis: int | None,
    network: MaskGenerator | InpaintingGenerator,
    *,
    convert: bool = True,
) -> tuple[Tensor, np.ndarray, Layout]:
    """A batch of one image for the network; its planes (C, H, W) as floats; its layout."""
    planes, layout = prepare_numpy(image, channel_axis)
    if planes.ndim != 3 or planes.shape[0] not in (1, 3):
        raise InputError(
            f"image of shape {layout.shape} with channel_axis={channel_axis}; allowed are two "
            "spatial axes and 1 or 3 channels"
        )
    if planes.min() < 0 or planes.max() > 1:
        raise InputError(
            f"image has values in [{planes.min():g}, {planes.max():g}]; allowed is [0, 1]"
        )
    if planes.shape[0] != network.channels:
        if not convert:
            raise InputError(
                f"image has {planes.shape[0]} channels; allowed are {network.channels}, as in the "
                "network"
            )
        luma = np.asarray(LUMA, planes.dtype)
        grey = planes if len(planes) == 1 else np.tensordot(luma, planes, 1)[None]
        planes = np.repeat(grey, network.channels, 0)
    example = next(network.parameters())
    return torch.from_numpy(planes)[None].to(example.device, example.dtype), planes, layout


def _seed(noise: str, batch: Tensor, rng: Rng) -> tuple[Tensor, torch.Generator]:
    """The network's seed r and its generator, on the CPU so that all devices get the same seed."""
    random = torch.Generator().manual_seed(int(generator(rng).integers(2**63)))
    return draw_seed(noise, batch.cpu(), random).to(batch), random
