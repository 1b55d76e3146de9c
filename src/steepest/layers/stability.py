"""Estimate by power iteration how much a layer amplifies, and advise what to change."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ..core.errors import InputError
from ..core.numbers import check_count
from .forward_mode import jvp

DEFAULT_LIMIT = 1e4
"""Default gain above which a layer warns: float32 then leaves two or three correct digits."""


class StabilityWarning(UserWarning):
    """An inverse layer amplifies so much that training is likely to diverge."""


def estimate_gain(
    layer: Callable[[Tensor], Tensor],
    u: Tensor,
    num_iter: int = 20,
) -> float:
    """The largest singular value of the Jacobian of ``layer`` at ``u``, by power iteration.

    This is ``sigma = max_x |J x| / |x|``, the growth of the worst small perturbation of ``u``.
    Every iterate is a lower bound; 20 iterations usually come within a few per cent.

    Parameters
    ----------
    layer : callable ``u -> L(u)``
        Differentiable in forward and reverse mode. An inverse layer is evaluated at its present
        ``scale``.
    u : tensor
        Where the layer is linearised, in floating point (half precision is computed in float32).
        A nonlinear layer can amplify more elsewhere: use values as large as in the training.
    num_iter : int
        Number of iterations, positive.

    Returns
    -------
    float
        Infinite if the layer's output is infinite or NaN; NaN if only its derivative is.

    Raises
    ------
    InputError
        If ``num_iter`` is not positive, ``layer`` is not callable, or ``u`` is not a
        floating-point tensor.
    RuntimeError
        Raised by torch if the layer lacks a forward-mode or reverse-mode derivative, or where
        ``torch.func`` does not work: under ``vmap`` or activation checkpointing.

    Notes
    -----
    The layer runs ``1 + num_iter`` times in its present mode. This does not touch the global
    random generators, but dropout in the layer draws from them and batch normalisation updates
    its running statistics.

    References
    ----------
    Golub & Van Loan, Matrix Computations, section 8.2.
    """
    num_iter = check_count(num_iter, "num_iter")
    if not callable(layer):
        raise InputError(f"layer={layer!r}; allowed is a callable u -> L(u)")
    if not isinstance(u, Tensor) or not u.is_floating_point():
        raise InputError(f"u={type(u).__name__}; allowed is a tensor in floating point")
    evolve = getattr(layer, "evolve", layer)  # not forward, which may be the caller
    u = u.detach().float() if u.dtype in (torch.float16, torch.bfloat16) else u.detach()
    fixed = torch.Generator().manual_seed(0)
    direction = _unit(torch.randn(u.shape, generator=fixed, dtype=u.dtype).to(u.device))
    return _power_iteration(evolve, u, direction, num_iter)


def _power_iteration(
    evolve: Callable[[Tensor], Tensor], u: Tensor, direction: Tensor, num_iter: int
) -> float:
    output, pull_back = torch.func.vjp(evolve, u)[:2]
    if not bool(torch.isfinite(output).all()):
        return math.inf
    gain = 0.0
    for _ in range(num_iter):
        image = jvp(evolve, (u,), (direction,))[1]
        gain = float(torch.linalg.vector_norm(image))
        if gain == 0 or not math.isfinite(gain):
            break
        direction = _unit(pull_back(image / gain)[0])
    return gain


def _unit(x: Tensor) -> Tensor:
    return x / torch.linalg.vector_norm(x).clamp(min=torch.finfo(x.dtype).tiny)


def longest_step(gain: float, limit: float, steps: int, dt: float) -> float:
    """The ``dt`` at which the gain is ``limit``, if one step amplifies ``1 + dt * rate`` times."""
    rate = math.expm1(math.log(gain) / steps) / dt
    return math.expm1(math.log(limit) / steps) / rate


def advice(layer: Any, gain: float, limit: float, spatial_ndim: int, skip: str) -> str:
    """A message that says how much a layer amplifies and what to set, or to ``skip``, instead."""
    remedies = [layer.cap] if layer.cap else []
    if math.isfinite(gain) and gain > limit > 1:
        dt = longest_step(gain, limit, layer.steps, layer.dt)
        remedies.append(f"dt <= {_floor(dt):g} with these {layer.steps} steps")
        if fewer := int(layer.steps * math.log(limit) / math.log(gain)):
            remedies.append(f"steps <= {fewer} with this dt")
    else:
        remedies.append("a smaller dt or fewer steps")
    if not layer.cap:
        remedies.append(skip)
    finite = math.isfinite(gain)
    much = f"up to {gain:.2g} times" if finite else "without bound"
    more = f", more than {limit:g}" if finite else ""
    return (
        f"{_name(layer)} amplifies {much} in {spatial_ndim}-D{more}: training is likely to "
        f"diverge. Set {', or '.join(remedies)}"
    )


def overflow(layer: Any, u: Tensor, result: Tensor) -> str:
    """A message that an inverse layer made finite values infinite, and what to set instead."""
    remedies = [layer.cap] if layer.cap else []
    remedies += ["a smaller dt or fewer steps", "scale its inputs down"]
    return (
        f"{_name(layer)} amplifies without bound: values up to "
        f"{float(u.detach().abs().max()):.2g} become infinite or NaN in "
        f"{str(result.dtype).removeprefix('torch.')}. Set {', or '.join(remedies)}"
    )


def _name(layer: Any) -> str:
    kind = getattr(layer, "operator_name", type(layer).__name__)
    return f"{kind} with steps={layer.steps}, dt={layer.dt:g}"


def _floor(number: float) -> float:
    """``number`` rounded down to two digits, so that following the advice is always enough."""
    unit = 10.0 ** (math.floor(math.log10(number)) - 1)
    return math.floor(number / unit) * unit
