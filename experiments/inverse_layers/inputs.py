"""Check the inputs of segmentation networks, and pad them to sizes that can be halved."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import pad

from steepest.core.errors import InputError
from steepest.core.numbers import check_count


def enlarged(images: Tensor, multiple: int) -> Tensor:
    """Repeat the last row and column of images (N, C, H, W) until ``multiple`` divides both sides.

    Each side becomes at least two times ``multiple``, because the coarsest level of a network needs
    several pixels to normalise.
    """
    height, width = images.shape[2:]
    new_height, new_width = (max(-(-n // multiple), 2) * multiple for n in (height, width))
    return pad(images, (0, new_width - width, 0, new_height - height), mode="replicate")


def check_ends(in_channels: int, num_classes: int) -> tuple[int, int]:
    """Check the number of channels and the number of classes.

    Raises
    ------
    InputError
        If they are not positive integers, or there is only one class.
    """
    channels = check_count(in_channels, "in_channels")
    classes = check_count(num_classes, "num_classes")
    if classes < 2:
        raise InputError(f"num_classes={num_classes!r}; at least 2 are needed")
    return channels, classes


def check_images(images: Tensor, channels: int) -> None:
    """Check that images are (N, channels, H, W).

    Raises
    ------
    InputError
        If they are not.
    """
    if images.ndim != 4 or images.shape[1] != channels:
        raise InputError(f"images of shape {tuple(images.shape)}; allowed is (N, {channels}, H, W)")
