"""The solver's operators on batches of images ``(N, 1, H, W)`` in torch, safe to differentiate.

The conventions are the solver's (docs/conventions): forward differences, zero at the last pixel;
the divergence is the exact negative adjoint; a flux has shape ``(N, 2, H, W)``, with component 0
along axis 0. All functions support reverse-mode and forward-mode differentiation, keep dtype and
device, and have finite derivatives at zero.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...core.errors import InputError
from ...core.numbers import check_number
from ...grid import differences

_SPACING = (1.0, 1.0)
_TINY = 1e-30


def gradient(u: Tensor) -> Tensor:
    """Forward differences ``(N, 1, H, W) -> (N, 2, H, W)``, zero in the last row or column."""
    return differences.gradient(u[:, 0], _SPACING).movedim(0, 1)


def divergence(p: Tensor) -> Tensor:
    """The negative adjoint of :func:`gradient`, ``(N, 2, H, W) -> (N, 1, H, W)``.

    Component 0 in the last row and component 1 in the last column are not used.
    """
    return differences.divergence(p.movedim(1, 0), _SPACING)[:, None]


def squared_norm(p: Tensor) -> Tensor:
    """``|p|^2`` at every pixel, ``(N, 1, H, W)``."""
    return (p * p).sum(1, keepdim=True)


def norm(p: Tensor) -> Tensor:
    """``|p|`` at every pixel, ``(N, 1, H, W)``; its derivative at 0 is defined as 0."""
    squared = squared_norm(p)
    return torch.where(squared > _TINY, squared.clamp(min=_TINY).sqrt(), 0.0)


def project(p: Tensor) -> Tensor:
    """``p / max(1, |p|)``: the projection to the unit ball at every pixel."""
    return p * squared_norm(p).clamp(min=1.0).rsqrt()


def total_variation(u: Tensor) -> Tensor:
    """``sum |grad u|`` of every image, ``(N,)``."""
    return norm(gradient(u)).sum((1, 2, 3))


def drop_unused(p: Tensor) -> Tensor:
    """``p`` with zeros where the divergence does not use it, so that no flux leaves the image."""
    rows, columns = p.split(1, 1)
    last = differences.without_last
    return torch.cat([last(rows, 2), last(columns, 3)], 1)


def times_of(t: Any, u0: Any) -> Any:
    """``t`` as one time per image, (N,), where it is one number for all of them."""
    if not isinstance(u0, Tensor) or u0.ndim != 4:
        return t
    if isinstance(t, Tensor):
        return t.to(u0).expand(len(u0)) if t.ndim == 0 else t
    if np.ndim(t) != 0:
        return t
    return u0.new_full((len(u0),), check_number(t, "t"))


def check_inputs(u0: Tensor, t: Tensor, dtype: torch.dtype | None = None) -> None:
    """Refuse all but finite images (N, 1, H, W) and times (N,) of a dtype (None: any)."""
    if not isinstance(u0, Tensor) or u0.ndim != 4 or u0.shape[1] != 1:
        given = tuple(u0.shape) if isinstance(u0, Tensor) else type(u0).__name__
        raise InputError(f"u0 must be a tensor of shape (N, 1, H, W), not {given}")
    if not u0.is_floating_point():
        raise InputError(f"u0 must be floating point with values in [0, 1], not {u0.dtype}")
    if min(u0.shape[2:]) < 1:
        raise InputError(f"u0 of {u0.shape[2]}x{u0.shape[3]} pixels is empty")
    if not isinstance(t, Tensor) or t.ndim != 1 or t.shape[0] != u0.shape[0]:
        given = tuple(t.shape) if isinstance(t, Tensor) else type(t).__name__
        raise InputError(
            f"t must be a tensor of shape ({u0.shape[0]},), one time per image, not {given}"
        )
    if t.dtype != u0.dtype or t.device != u0.device:
        raise InputError(
            f"t is {t.dtype} on {t.device}, but u0 is {u0.dtype} on {u0.device}: give both the "
            "same dtype and device"
        )
    if dtype not in (None, u0.dtype):
        raise InputError(f"u0 is {u0.dtype}, but the network is {dtype}: convert one with .to()")
    if torch.compiler.is_compiling():  # a compiled or exported graph cannot test values
        return
    if len(u0) and not (bool(torch.isfinite(u0).all()) and bool(torch.isfinite(t).all())):
        raise InputError("u0 and t must be finite, but contain NaN or infinity")
    if len(t) and float(t.detach().min()) < 0:
        least = float(t.detach().min())
        raise InputError(f"t must not be negative, but its smallest entry is {least:g}")
