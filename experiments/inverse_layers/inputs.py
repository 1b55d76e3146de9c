"""What segmentation networks are given: checked, and enlarged to sizes that can be halved."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import pad

from steepest.core.errors import InputError
from steepest.core.numbers import check_count


def enlarged(images: Tensor, multiple: int) -> Tensor:
    """Images (N, C, H, W), last row and column repeated until ``multiple`` divides both sides.

    Each becomes two times ``multiple`` at least: the coarsest level of a network needs several
    pixels to normalise.
    """
    height, width = images.shape[2:]
    new_height, new_width = (max(-(-n // multiple), 2) * multiple for n in (height, width))
    return pad(images, (0, new_width - width, 0, new_height - height), mode="replicate")


def check_ends(in_channels: int, num_classes: int) -> tuple[int, int]:
    """Channels of the images, and at least two classes.

    Raises
    ------
    InputError
        Not positive integers, or one class.
    """
    channels = check_count(in_channels, "in_channels")
    classes = check_count(num_classes, "num_classes")
    if classes < 2:
        raise InputError(f"num_classes={num_classes!r}; at least 2 are needed")
    return channels, classes


def check_images(images: Tensor, channels: int) -> None:
    """Images are (N, channels, H, W).

    Raises
    ------
    InputError
        They are not.
    """
    if images.ndim != 4 or images.shape[1] != channels:
        raise InputError(f"images of shape {tuple(images.shape)}; allowed is (N, {channels}, H, W)")
