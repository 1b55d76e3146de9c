"""Labels of one image by a trained network."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from steepest.core.errors import InputError
from steepest.core.pixels import to_planes

from .classes import IGNORE

_KEYS = ("out", "logits")


def predict(network: nn.Module, image: np.ndarray, channels: int | None = None) -> np.ndarray:
    """The most probable class of every pixel, (H, W) uint8.

    Parameters and errors are those of `probabilities`.
    """
    return probabilities(network, image, channels).argmax(0).astype(np.uint8)


@torch.no_grad()
def probabilities(network: nn.Module, image: np.ndarray, channels: int | None = None) -> np.ndarray:
    """The softmax of the network's logits, (K, H, W) float32.

    The network runs in evaluation mode (its mode is put back) on the device and in the precision
    of its parameters.

    Parameters
    ----------
    network : module
        Images (N, C, H, W) in [0, 1] to logits (N, K, h, w), or to a dictionary with the entry
        "out" or "logits", or to a sequence that begins with them. Smaller logits are enlarged
        linearly to (H, W).
    image : array (H, W) or (H, W, 3)
        uint8, uint16, bool, or floats in [0, 1]; transparency is left out.
    channels : 1 or 3, optional
        What the network wants; default: its ``in_channels``, else what the image has.

    Raises
    ------
    InputError
        Another kind of image, or of output.
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
            f"network gave logits of shape {tuple(logits.shape)}; allowed are 2 to {IGNORE} "
            "classes, (1, K, h, w)"
        )
    if logits.shape[2:] != batch.shape[2:]:
        logits = interpolate(logits, batch.shape[2:], mode="bilinear", align_corners=False)
    return np.asarray(logits.softmax(1)[0].cpu().numpy())


def logits_of(output: Any) -> Tensor:
    """The logits in what a segmentation network returns.

    A tensor; the entry "out" (torchvision) or "logits" (Hugging Face) of a mapping; the first of
    a tuple or list.

    Raises
    ------
    InputError
        Anything else.
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
