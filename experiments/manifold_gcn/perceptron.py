"""A perceptron for features that are points of a manifold, in the tangent space of one of them."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

import torch
from torch import Tensor, nn

from steepest.core.errors import InputError
from steepest.core.numbers import check_count
from steepest.manifold.geometry import Manifold, as_manifold

from .geometry import check_features, geometry_of

_SLOPE = 0.2  # of the part that a rectifier would remove
_SMALL = 1e-6  # squared length below which directions fade out, so that derivatives exist at 0


class TangentMLP(nn.Module):
    """A perceptron over the channels of each vertex, for points of a manifold.

    The first channel f_1 of a vertex is the base point. The layer maps the tangent vectors
    v_c = log_{f_1} f_c of the other channels through linear layers and rectifiers for vectors
    ("vector neurons"), and returns the points exp_{f_1} of the results. With q = W v and k = U v,
    a rectifier removes 80 % of the part of q that is opposite to k::

        q - 0.8 min(<q, k>, 0) k / |k|^2.

    All weights are numbers that combine channels, so the layer commutes with permutations of the
    vertices and with isometries of the manifold. It smooths nothing: put `ManifoldDiffusion`
    before it. Gradients are finite also where features coincide.

    Parameters
    ----------
    manifold : str or Manifold
        As for `ManifoldDiffusion`.
    channels : sequence of int
        Channels of the input (at least 2), of hidden layers if there are any, and of the output.

    References
    ----------
    Hanik, Steidl & von Tycowicz, Manifold GCN: Diffusion-based Convolutional Neural Network for
    Manifold-valued Graphs, arXiv:2401.14381, 2024. Vector neurons: Deng et al., ICCV 2021,
    12200-12209.
    """

    def __init__(self, manifold: str | Manifold, channels: Sequence[int]) -> None:
        super().__init__()
        self.manifold = as_manifold(manifold)
        self._geometry = geometry_of(self.manifold)
        given = channels if isinstance(channels, Sequence) else ()
        self.channels = tuple(check_count(count, "channels") for count in given)
        if len(self.channels) < 2 or self.channels[0] < 2:
            raise InputError(
                f"channels={channels!r}; allowed are at least two numbers, the first at least "
                "2 (the first channel of the input is the base point)"
            )
        widths = (self.channels[0] - 1, *self.channels[1:])
        pairs = list(zip(widths[:-1], widths[1:], strict=True))
        values, directions = (
            [nn.Parameter(torch.randn(n_out, n_in) / sqrt(n_in)) for n_in, n_out in pairs]
            for _ in range(2)
        )
        self.values, self.directions = nn.ParameterList(values), nn.ParameterList(directions)

    def forward(self, features: Tensor) -> Tensor:
        """Map features (V, C, \\*point_shape) to (V, C_out, \\*point_shape), float32 or float64."""
        check_features(features, self.manifold, self.channels[0])
        base = features[:, :1]
        vectors = self._geometry.log(base, features[:, 1:])
        axes = tuple(range(2, vectors.ndim))
        for value, direction in zip(self.values, self.directions, strict=True):
            q, k = (
                torch.einsum("oc,vc...->vo...", weight.to(vectors.dtype), vectors)
                for weight in (value, direction)
            )
            inner, square = q * k, k * k
            if axes:
                inner, square = inner.sum(axes, keepdim=True), square.sum(axes, keepdim=True)
            vectors = q - (1 - _SLOPE) * inner.clamp(max=0) / (square + _SMALL) * k
        return self._geometry.exp(base.expand_as(vectors), vectors)

    def extra_repr(self) -> str:
        """The arguments."""
        return f"{self.manifold!r}, channels={self.channels}"
