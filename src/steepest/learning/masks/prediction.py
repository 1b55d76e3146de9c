"""Masks and inpaintings of images of any size by trained networks."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...core.arrays import Layout, as_array
from ...core.errors import InputError
from ...core.grey import LUMA
from ...core.numbers import check_fraction
from ...inpainting.masks.checks import Rng, generator
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
    """The pixels to keep, in one forward pass.

    Parameters
    ----------
    network : MaskGAN or MaskGenerator
        As `load` returns it; it runs on the device and in the precision of its weights.
    image : array
        (H, W), or with ``channel_axis`` one or three channels; uint8, uint16, or floats in [0, 1].
        Grey is repeated for a colour network, colour becomes luma for a grey one.
    density : float, optional
        In (0, 1]: exactly ``max(1, round(density * H * W))`` pixels, those of the highest
        confidence. None: what the network makes of its confidence, where it is 1/2 or more or (if
        it was trained with stochastic rounding) drawn with that probability; of about the density
        that the network was trained for (the most confident pixel, where there is none).
    rng : int, Generator or None
        Of all that is random. The default 0 gives the same mask every time; None, another.

    Returns
    -------
    Boolean array (H, W)
        True: keep.

    Raises
    ------
    InputError
        A network without a mask generator; an image or density that is not allowed.

    Notes
    -----
    Beyond the paper: the ranking. It orders what goes into the hard sigmoid, so that pixels whose
    confidence is 0 or 1 differ as well.
    """
    own = network.mask if isinstance(network, MaskGAN) else network
    if not isinstance(own, MaskGenerator):
        raise InputError("network: has no mask generator; it was trained with mode='inpainting'")
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
    """The image inpainted from the pixels where ``mask`` is True, by the trained generator.

    Parameters
    ----------
    network : MaskGAN or InpaintingGenerator
        As `load` returns it.
    image : array
        As in `propose_mask`, with as many channels as the network has; the result does not
        depend on its values off the mask.
    mask : Boolean array (H, W)
        The known pixels.
    rng : int, Generator or None
        Of the network's random seed.

    Returns
    -------
    array
        Shape and dtype of ``image``, equal to it at the known pixels.

    Raises
    ------
    InputError
        A network without a generator; an image or mask that is not allowed.
    """
    own = network.generator if isinstance(network, MaskGAN) else network
    if not isinstance(own, InpaintingGenerator):
        raise InputError("network: has no inpainting generator; it was trained for diffusion")
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
    """A batch of one image in the network's channels, device and precision; the same as floats."""
    planes, layout = prepare_numpy(image, channel_axis)
    if planes.ndim != 3 or planes.shape[0] not in (1, 3):
        raise InputError(
            f"image of shape {layout.shape} with channel_axis={channel_axis}; allowed are two "
            "spatial axes and 1 or 3 channels"
        )
    if planes.min() < 0 or planes.max() > 1:
        raise InputError(
            f"image: values must lie in [0, 1], not [{planes.min():g}, {planes.max():g}]"
        )
    if planes.shape[0] != network.channels:
        if not convert:
            raise InputError(
                f"image has {planes.shape[0]} channels; allowed are {network.channels}, those of "
                "the network"
            )
        luma = np.asarray(LUMA, planes.dtype)
        grey = planes if len(planes) == 1 else np.tensordot(luma, planes, 1)[None]
        planes = np.repeat(grey, network.channels, 0)
    example = next(network.parameters())
    return torch.from_numpy(planes)[None].to(example.device, example.dtype), planes, layout


def _seed(noise: str, batch: Tensor, rng: Rng) -> tuple[Tensor, torch.Generator]:
    """The network's seed r, and what drew it, on the CPU: the same on every device."""
    random = torch.Generator().manual_seed(int(generator(rng).integers(2**63)))
    return draw_seed(noise, batch.cpu(), random).to(batch), random
