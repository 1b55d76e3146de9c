"""Images enlarged to sizes that networks can halve."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import pad


def enlarged(images: Tensor, multiple: int) -> Tensor:
    """Images (N, C, H, W), last row and column repeated until ``multiple`` divides both sides.

    Each becomes two times ``multiple`` at least: the coarsest level of a network needs several
    pixels to normalise.
    """
    height, width = images.shape[2:]
    new_height, new_width = (max(-(-n // multiple), 2) * multiple for n in (height, width))
    return pad(images, (0, new_width - width, 0, new_height - height), mode="replicate")
