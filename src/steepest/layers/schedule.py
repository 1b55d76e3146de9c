"""Change the strength of inverse layers during training."""

import torch
from torch import nn

from ..core.errors import InputError
from ..core.numbers import check_number, check_real
from .hooks import check_module, inverse_layers


def linear_ramp(step: float, begin: float, end: float) -> float:
    """0 up to step ``begin``, 1 from step ``end`` on, linear in between.

    Count in steps, epochs or fractions of the training; with ``begin == end`` the value jumps.
    Together with `set_scale`, the ramp makes ``dt * steps`` grow during training:

    >>> set_scale(network, linear_ramp(epoch, 0, 5))                         # doctest: +SKIP

    Raises
    ------
    InputError
        If ``end < begin``, or a number is not finite.
    """
    step = check_real(step, "step")
    begin, end = check_real(begin, "begin"), check_real(end, "end")
    if end < begin:
        raise InputError(f"begin={begin}, end={end}; allowed is begin <= end")
    if step >= end:
        return 1.0
    return 0.0 if step <= begin else (step - begin) / (end - begin)


def set_scale(network: nn.Module, scale: float) -> int:
    """Set the step length of every inverse layer in ``network`` to ``scale * dt``.

    0 switches the layers off; 1 restores the step length they were built with. Layers added by
    `attach` are included. The layers' buffers are written in place, so compiled networks are not
    recompiled.

    Parameters
    ----------
    network : nn.Module
        A network, or a layer.
    scale : float
        Between 0 and 1.

    Returns
    -------
    int
        The number of layers found.

    Raises
    ------
    InputError
        If the network has no inverse layer.
    """
    value = check_number(scale, "scale", most=1)
    check_module(network, "network")
    layers = list(inverse_layers(network))
    if not layers:
        raise InputError(f"network={type(network).__name__} contains no inverse layer")
    with torch.no_grad():
        for layer in layers:
            layer.scale.fill_(value)
    return len(layers)
