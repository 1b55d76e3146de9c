"""CBlock and TCBlock: parallel convolutions with three dilations, for encoder and decoder."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import elu, interpolate, max_pool2d

from steepest.core.errors import InputError
from steepest.core.numbers import check_count

KERNEL = 5
DILATIONS = (1, 2, 5)
"""The paper writes 0, 2, 5; 0 can only mean a convolution without gaps, which is dilation 1."""
_SHARES = (2, 4, 4)  # a half, a quarter and a quarter of the channels


def check_channels(value: int, name: str) -> int:
    """``value``, if it is a positive multiple of 4, as the split over three dilations requires.

    Raises `InputError` if it is not.
    """
    number = check_count(value, name)
    if number % 4:
        raise InputError(f"{name}={value!r}; allowed are positive multiples of 4")
    return number


def initialise(layer: nn.Module) -> None:
    """Initialise the weights uniformly (Glorot and Bengio) and the biases with zero, in place.

    The paper does not specify the initialisation. torch's default makes signals shrink over eight
    layers, and uses the wrong number of channels for transposed convolutions.
    """
    nn.init.xavier_uniform_(layer.weight)  # type: ignore[arg-type]
    nn.init.zeros_(layer.bias)  # type: ignore[arg-type]


class _Dilated(nn.Module):
    """Three 5x5 convolutions of the same input with dilations 1, 2, 5 and ELU, concatenated.

    Zero padding keeps height and width. There are ``25 * in_channels * out_channels`` weights and
    ``out_channels`` biases, however the channels are split.
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
    """One encoder level: dilated convolutions, then 2x2 max pooling.

    Parameters
    ----------
    in_channels, out_channels : int
        Half of the output channels have dilation 1, a quarter dilation 2 and a quarter dilation 5.

    Raises
    ------
    InputError
        If ``out_channels`` is not a positive multiple of 4.

    Notes
    -----
    Source: the paper, Fig. 1(b), which does not say how the channels are split.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.dilated = _Dilated(nn.Conv2d, in_channels, out_channels)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Map (N, in, H, W) to the output (N, out, H/2, W/2) and the skip (N, out, H, W).

        The skip is taken before pooling; only then does the whole network have the paper's 11.5
        million weights.
        """
        features = self.dilated(x)
        return max_pool2d(features, 2), features


class TCBlock(nn.Module):
    """One decoder level: transposed dilated convolutions, then nearest-neighbour upsampling by 2.

    Parameters
    ----------
    in_channels, out_channels : int
        See `CBlock`.
    upsample : bool
        False for the last block, which is at full resolution.

    Raises
    ------
    InputError
        If ``out_channels`` is not a positive multiple of 4.

    Notes
    -----
    Source: the paper, Fig. 1(c). With stride 1, a transposed convolution is a convolution with a
    mirrored kernel.
    """

    def __init__(self, in_channels: int, out_channels: int, *, upsample: bool = True) -> None:
        super().__init__()
        self.dilated = _Dilated(nn.ConvTranspose2d, in_channels, out_channels)
        self.upsample = upsample

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, in, H, W) to (N, out, 2H, 2W), or to (N, out, H, W) without upsampling."""
        features: Tensor = self.dilated(x)
        return interpolate(features, scale_factor=2, mode="nearest") if self.upsample else features
