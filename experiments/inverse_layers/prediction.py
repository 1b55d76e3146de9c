"""Predict the labels of one image with a trained network."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from steepest.core.errors import InputError
from steepest.core.grey import to_planes

from .classes import IGNORE

_KEYS = ("out", "logits")


def predict(network: nn.Module, image: np.ndarray, channels: int | None = None) -> np.ndarray:
    """The most probable class of every pixel, (H, W) uint8.

    Parameters and errors are those of `probabilities`.
    """
    return probabilities(network, image, channels).argmax(0).astype(np.uint8)


@torch.no_grad()
def probabilities(network: nn.Module, image: np.ndarray, channels: int | None = None) -> np.ndarray:
    """The softmax of the network's logits, (K, H, W), float32.

    The network runs in evaluation mode, on the device and in the precision of its parameters; its
    mode is restored afterwards.

    Parameters
    ----------
    network : nn.Module
        Maps images (N, C, H, W) in [0, 1] to logits (N, K, h, w), to a dictionary with the entry
        "out" or "logits", or to a sequence that begins with the logits. Smaller logits are
        upsampled linearly to (H, W).
    image : array (H, W) or (H, W, 3)
        uint8, uint16, bool, or floats in [0, 1]; an alpha channel is ignored.
    channels : 1 or 3, optional
        Number of channels that the network expects; default: its ``in_channels``, else that of the
        image.

    Raises
    ------
    InputError
        If the kind of image, or the output of the network, is not allowed.
    """
    wanted = channels if channels is not None else getattr(network, "in_channels", None)
    planes = to_planes(image, wanted)
    example = next(chain(network.parameters(), network.buffers()), torch.empty(0))
    batch = torch.from_numpy(planes)[None].to(example.device)
    batch = batch.to(example.dtype) if example.is_floating_point() else batch
    was_training = network.training
    network.eval()
    try:
        logits = logits_of(network(batch)).float()
    finally:
        network.train(was_training)
    if logits.ndim != 4 or logits.shape[0] != 1 or not 2 <= logits.shape[1] <= IGNORE:
        raise InputError(
            f"network returned logits of shape {tuple(logits.shape)}; allowed is (1, K, h, w) with "
            f"2 to {IGNORE} classes"
        )
    if logits.shape[2:] != batch.shape[2:]:
        logits = interpolate(logits, batch.shape[2:], mode="bilinear", align_corners=False)
    return np.asarray(logits.softmax(1)[0].cpu().numpy())


def logits_of(output: Any) -> Tensor:
    """The logits in the output of a segmentation network.

    These are the output itself if it is a tensor, the entry "out" (torchvision) or "logits"
    (Hugging Face) of a mapping, or the first entry of a tuple or list.

    Raises
    ------
    InputError
        If the output is anything else.
    """
    if isinstance(output, Mapping):
        output = next((output[key] for key in _KEYS if key in output), None)
    elif isinstance(output, (tuple, list)) and output:
        output = output[0]
    if not isinstance(output, Tensor):
        raise InputError(
            "network returns no logits; allowed are a tensor, a dictionary with the entry 'out' "
            "or 'logits', and a sequence that begins with them"
        )
    return output
