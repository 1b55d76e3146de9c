"""Check before training whether the inverse layers of a network amplify too much."""

import torch
from torch import Tensor, nn

from ..core.errors import InputError
from ..core.numbers import check_count
from .base import check_field, check_gain_limit, finite_or_inf
from .hooks import check_module, inverse_layers
from .stability import DEFAULT_LIMIT, advice

_EXAMPLE_SIZE = 32


def check_gain(
    layer: nn.Module, example: Tensor | int = 2, limit: float | None = DEFAULT_LIMIT
) -> float:
    """Refuse inverse layers that amplify more than ``limit`` times.

    Each layer is checked on its own, at full strength (scale 1) whatever its present scale. The
    gain of heat layers is known in closed form; for all others `estimate_gain` runs their
    operators at ``example``.

    Parameters
    ----------
    layer : nn.Module
        An inverse layer, or a network that contains any number of them, including attached ones.
    example : tensor (N, C, \\*space), or int
        Logits typical of the training, or only their number of spatial axes (1, 2 or 3). With a
        number, nonlinear layers are checked on one-channel Gaussian noise of standard deviations 1
        and 0.01, because some amplify most where values are large and others where the image is
        flat. A layer with ``spatial_ndim`` set is checked in that dimension.
    limit : float or None
        The largest gain allowed, between 1 and 1e30. None: any gain is accepted.

    Returns
    -------
    float
        The largest gain found: infinite if a layer's output is not finite, 1 if there is no
        inverse layer.

    Raises
    ------
    InputError
        If a gain exceeds ``limit`` (the message names the layer's ``steps`` and ``dt`` and what to
        set instead), or an argument is not valid.
    """
    limit = check_gain_limit(limit, "limit")
    check_module(layer, "layer")
    _examples(example)  # a bad example is an error even if there is no layer
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
    shape = (1, 1, *(_EXAMPLE_SIZE,) * check_count(example, "example", most=3))
    noise = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    return [noise, 0.01 * noise]
