"""Whether the inverse layers of a network amplify too much, asked before a training starts."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..core.errors import InputError
from ..core.numbers import check_count
from .base import check_field, check_gain_limit, finite_or_inf
from .hooks import inverse_layers
from .stability import DEFAULT_LIMIT, advice
from .training_only import check_module

_EXAMPLE_SIZE = 32


def check_gain(
    layer: nn.Module, example: Tensor | int = 2, limit: float | None = DEFAULT_LIMIT
) -> float:
    """Refuse inverse layers that amplify more than ``limit`` times.

    All are judged at full strength (scale 1), whatever their present scale: heat layers in closed
    form, others by `estimate_gain` at ``example``, which runs their operators. Each layer is judged
    alone.

    Parameters
    ----------
    layer : nn.Module
        An inverse layer, or a network with any number of them, attached ones included.
    example : tensor ``(N, C, *space)``, or int
        Logits such as the training meets, or only their number of spatial axes; nonlinear layers
        are then judged at Gaussian noise with one channel, of standard deviations 1 and 0.01:
        some amplify most where values are large, others where they are flat. Layers made for
        one number of axes (``spatial_ndim``) are judged there.
    limit : float or None
        At least 1. None: nothing is refused.

    Returns
    -------
    float
        The largest gain found, infinite where the layer's output is not finite; 1 without any
        inverse layer.

    Raises
    ------
    InputError
        A gain above ``limit`` or not finite; the message says by what ``steps`` and ``dt``, and
        what to set instead. Also for bad arguments.
    """
    limit = check_gain_limit(limit, "limit")
    check_module(layer, "layer")
    _examples(example)  # wrong ones are refused without any layer too
    largest = 1.0
    for found in inverse_layers(layer):
        judged_at = example if isinstance(example, Tensor) else found.spatial_ndim or example
        for u in _examples(judged_at):
            gain = finite_or_inf(found.gain_at(u))
            if limit is not None and gain > limit:
                skip = "limit=None to accept it"
                raise InputError(advice(found, gain, limit, u.ndim - 2, skip))
            largest = max(largest, gain)
    return largest


def _examples(example: Tensor | int) -> list[Tensor]:
    if isinstance(example, Tensor):
        check_field(example, 1 if example.ndim == 3 else None)
        return [example.detach()]
    dimension = check_count(example, "example")
    if dimension > 3:
        raise InputError(f"example={example}; allowed are 1, 2 or 3 spatial axes")
    shape = (1, 1, *(_EXAMPLE_SIZE,) * dimension)
    noise = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    return [noise, 0.01 * noise]
