"""Heat diffusion of features that are points of a manifold, as a layer for graphs and images."""

from __future__ import annotations

from collections.abc import Sequence
from math import log, prod

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from steepest.core.errors import InputError
from steepest.core.numbers import check_count, check_number
from steepest.manifold.geometry import Manifold, as_manifold

from .geometry import check_features, geometry_of


class ManifoldDiffusion(nn.Module):
    """Steps of heat diffusion of features on a graph, with a learned time per channel.

    Each step moves the feature f_v of each vertex v towards its neighbours u::

        f_v <- exp_{f_v}( t sum_u w_uv log_{f_v} f_u ),    t > 0.

    For real features this is an explicit step of the heat equation. The layer commutes with
    permutations of the vertices and with isometries of the manifold (rotations of all directions,
    A x A^T of all tensors). Gradients are finite also where features coincide. Exactly opposite
    directions do not move each other.

    Parameters
    ----------
    manifold : str or Manifold
        "circle", "sphere", "rotations", "spd", or a `Circle`, `Euclidean`, `Rotations`, `SPD` or
        `Sphere` of `steepest.manifold`.
    channels : int
        Channels C of the features.
    steps : int
        Number of steps.
    time : float
        Initial t of every channel, positive. With the default weights, up to 1 is sensible.

    Attributes
    ----------
    raw_time : Parameter (C,)
        t is softplus(raw_time); see `time`.

    References
    ----------
    Hanik, Steidl & von Tycowicz, Manifold GCN: Diffusion-based Convolutional Neural Network for
    Manifold-valued Graphs, arXiv:2401.14381, 2024.
    """

    def __init__(
        self, manifold: str | Manifold, channels: int, *, steps: int = 1, time: float = 0.5
    ) -> None:
        super().__init__()
        self.manifold = as_manifold(manifold)
        self.steps = check_count(steps, "steps")
        time = check_number(time, "time", positive=True)
        raw = time + log(-torch.expm1(torch.tensor(-time, dtype=torch.float64)).item())
        self.raw_time = nn.Parameter(torch.full((check_count(channels, "channels"),), raw))
        self._geometry = geometry_of(self.manifold)

    @property
    def time(self) -> Tensor:
        """The time t of each channel (C,)."""
        return softplus(self.raw_time)

    def forward(self, features: Tensor, edges: Tensor, weights: Tensor | None = None) -> Tensor:
        """Diffuse the features.

        Parameters
        ----------
        features : Tensor (V, C, \\*point_shape), float32 or float64
            Points of the manifold; they are not checked.
        edges : integer Tensor (2, E)
            Source and target of each edge, as in PyTorch Geometric; an undirected edge is given
            in both directions. `pixel_edges` makes those of an image.
        weights : Tensor (E,), optional
            By default one over the number of edges that end at the target.

        Returns
        -------
        Tensor of the shape of ``features``
        """
        check_features(features, self.manifold, len(self.raw_time))
        if edges.ndim != 2 or len(edges) != 2 or edges.dtype not in (torch.int32, torch.int64):
            raise InputError(
                f"edges of {edges.dtype}, shape {tuple(edges.shape)}; allowed are integers (2, E)"
            )
        source, target = edges.long()
        if weights is None:
            ones = torch.ones_like(target, dtype=features.dtype)
            weights = 1 / features.new_zeros(len(features)).index_add(0, target, ones)[target]
        elif weights.shape != target.shape:
            raise InputError(f"weights of shape {tuple(weights.shape)}; allowed is {len(target)}")
        trailing = (1,) * self._geometry.dims
        weights = weights.to(features.dtype).reshape(-1, 1, *trailing)
        time = self.time.to(features.dtype).reshape(-1, *trailing)
        for _ in range(self.steps):
            moves = weights * self._geometry.log(features[target], features[source])
            total = moves.new_zeros((len(features), *moves.shape[1:])).index_add(0, target, moves)
            features = self._geometry.exp(features, time * total)
        return features

    def extra_repr(self) -> str:
        """The arguments."""
        return f"{self.manifold!r}, channels={len(self.raw_time)}, steps={self.steps}"


def pixel_edges(shape: Sequence[int], device: torch.device | str | None = None) -> Tensor:
    """Return the edges (2, E) between neighbouring pixels of an image, in both directions.

    Pixels are numbered row by row: features are ``image.reshape(H * W, C, *point_shape)`` for an
    image (H, W, C, \\*point_shape).
    """
    index = torch.arange(prod(shape), device=device).reshape(*shape)
    pairs = []
    for axis in range(len(shape)):
        length = shape[axis] - 1
        before, after = index.narrow(axis, 0, length), index.narrow(axis, 1, length)
        pairs.append(torch.stack([before.reshape(-1), after.reshape(-1)]))
    one_way = torch.cat(pairs, dim=1)
    return torch.cat([one_way, one_way.flip(0)], dim=1)
