"""How strong inverse layers are in the course of a training."""

from __future__ import annotations

import torch
from torch import nn

from ..core.errors import InputError
from ..core.numbers import check_real
from .hooks import inverse_layers
from .training_only import check_module


def linear_ramp(
    step: float, begin: float, end: float, *, first: float = 0.0, last: float = 1.0
) -> float:
    """``first`` up to step ``begin``, ``last`` from step ``end`` on, linear in between.

    Steps, epochs or fractions of a training alike; ``begin == end`` jumps. With `set_scale` it
    makes ``dt * steps`` grow during a training:

    >>> set_scale(network, linear_ramp(epoch, 0, 5))                         # doctest: +SKIP

    Raises
    ------
    InputError
        ``end < begin``, ``first`` or ``last`` not between 0 and 1, or a number that is not finite.
    """
    step = check_real(step, "step")
    begin, end = check_real(begin, "begin"), check_real(end, "end")
    if end < begin:
        raise InputError(f"begin={begin}, end={end}; allowed is begin <= end")
    first, last = check_scale(first, "first"), check_scale(last, "last")
    if step >= end:
        return last
    if step <= begin:
        return first
    return first + (last - first) * (step - begin) / (end - begin)


def set_scale(network: nn.Module, scale: float) -> int:
    """Let every inverse layer in ``network`` make steps of ``scale * dt``.

    The layers' buffers are written in place, so compiled networks need no new compilation. 0
    switches the layers off, 1 is what they were built with. Layers put in by `attach` are found.

    Parameters
    ----------
    network : nn.Module
        A network, or a layer.
    scale : float
        Between 0 and 1.

    Returns
    -------
    int
        The number of layers.

    Raises
    ------
    InputError
        ``scale`` is out of range, or there is no inverse layer.
    """
    value = check_scale(scale)
    check_module(network, "network")
    layers = list(inverse_layers(network))
    if not layers:
        raise InputError(f"network={type(network).__name__} has no inverse layer to set")
    with torch.no_grad():
        for layer in layers:
            layer.scale.fill_(value)
    return len(layers)


def check_scale(value: float, name: str = "scale") -> float:
    """A number between 0 and 1."""
    number = check_real(value, name)
    if not 0 <= number <= 1:
        raise InputError(f"{name}={value!r}; allowed is a number between 0 and 1")
    return number
