"""CBlock and TCBlock: convolutions of three dilations side by side, on the way down and up."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import elu, interpolate, max_pool2d

from ...core.errors import InputError
from ...core.numbers import check_count

KERNEL = 5
DILATIONS = (1, 2, 5)
"""The paper writes 0, 2, 5; a dilation of 0 can only mean a convolution without gaps."""
_SHARES = (2, 4, 4)  # a half, a quarter, a quarter of the channels


def check_channels(value: int, name: str) -> int:
    """A positive multiple of 4, as the three dilations share the channels.

    Raises
    ------
    InputError
        It is not.
    """
    number = check_count(value, name)
    if number % 4:
        raise InputError(f"{name}={value!r}; allowed are positive multiples of 4")
    return number


def initialise(layer: nn.Module) -> None:
    """Weights uniform as Glorot and Bengio have them, biases zero.

    The paper does not say. torch's own choice shrinks what passes eight layers, and takes the wrong
    number of channels for a transposed convolution.
    """
    nn.init.xavier_uniform_(layer.weight)  # type: ignore[arg-type]
    nn.init.zeros_(layer.bias)  # type: ignore[arg-type]


class _Dilated(nn.Module):
    """Three 5x5 convolutions of the same input, dilations 1, 2, 5, ELU, concatenated.

    Zero padding keeps height and width. Weights: ``25 * in_channels * out_channels`` and
    ``out_channels`` biases, however the channels are shared.
    """

    def __init__(
        self, kind: type[nn.Conv2d] | type[nn.ConvTranspose2d], in_channels: int, out_channels: int
    ) -> None:
        super().__init__()
        wide = check_channels(out_channels, "out_channels")
        half = KERNEL // 2
        self.branches = nn.ModuleList(
            kind(in_channels, wide // share, KERNEL, padding=half * dilation, dilation=dilation)
            for share, dilation in zip(_SHARES, DILATIONS, strict=True)
        )
        for branch in self.branches:
            initialise(branch)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([elu(branch(x)) for branch in self.branches], 1)


class CBlock(nn.Module):
    """One level down: dilated convolutions, then 2x2 max pooling.

    Parameters
    ----------
    in_channels, out_channels : int
        Half of ``out_channels`` see the image with dilation 1, a quarter with 2, a quarter with 5.

    Raises
    ------
    InputError
        ``out_channels`` is no positive multiple of 4.

    Notes
    -----
    Source: the paper, Fig. 1(b). How the channels are shared is not said there.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.dilated = _Dilated(nn.Conv2d, in_channels, out_channels)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(N, in, H, W) to the output (N, out, H/2, W/2) and what the skip carries (N, out, H, W).

        The skip is taken before pooling: only so has the whole network 11.5 million weights.
        """
        features = self.dilated(x)
        return max_pool2d(features, 2), features


class TCBlock(nn.Module):
    """One level up: transposed dilated convolutions, then nearest upsampling to twice the size.

    Parameters
    ----------
    in_channels, out_channels : int
        As in `CBlock`.
    upsample : bool
        False for the last one, at full resolution.

    Raises
    ------
    InputError
        ``out_channels`` is no positive multiple of 4.

    Notes
    -----
    Source: the paper, Fig. 1(c). (Of stride 1, a transposed convolution is a convolution with a
    mirrored kernel.)
    """

    def __init__(self, in_channels: int, out_channels: int, *, upsample: bool = True) -> None:
        super().__init__()
        self.dilated = _Dilated(nn.ConvTranspose2d, in_channels, out_channels)
        self.upsample = upsample

    def forward(self, x: Tensor) -> Tensor:
        """(N, in, H, W) to (N, out, 2H, 2W); (N, out, H, W) without upsampling."""
        features: Tensor = self.dilated(x)
        return interpolate(features, scale_factor=2, mode="nearest") if self.upsample else features
