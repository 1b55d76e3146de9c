"""What all inverse evolution layers share: steps, step length, schedule, precision, the warning."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from ..core.arrays import check_count, check_number
from ..core.errors import InputError
from .stability import StabilityWarning, advice

_HALF = (torch.float16, torch.bfloat16)


class InverseLayer(nn.Module):
    """A layer without parameters on ``(N, C, *space)``, one to three spatial axes.

    Half precision is computed in float32, autocast or not, and returned as it came. ``scale`` is a
    0-dimensional float32 buffer between 0 and 1, not part of the state_dict: each step has length
    ``scale * dt``, so that `set_scale` changes the strength without a new compilation.

    Subclasses define `evolve` and `gain_at`.

    Parameters
    ----------
    steps : int
        Number of steps, positive.
    dt : float
        Length of a step, positive. Unit: that of time in the evolution, at pixel spacing 1.
    max_gain : float or None
        At least 1; what it does is said by the subclass.

    Raises
    ------
    InputError
        An argument out of range; at a call, an input that is not ``(N, C, *space)`` in floating
        point.
    """

    scale: Tensor
    cap_remedy = ""  # what an error message recommends beside a smaller dt or fewer steps

    def __init__(self, steps: int, dt: float, max_gain: float | None) -> None:
        super().__init__()
        self.steps = check_count(steps, "steps")
        self.dt = check_number(dt, "dt", positive=True)
        self.max_gain = check_gain_limit(max_gain)
        self.register_buffer("scale", torch.ones(()), persistent=False)
        self._checked = False

    def forward(self, u: Tensor) -> Tensor:
        """The layer at ``u``: same shape, dtype and device. In evaluation mode too: see
        `TrainingOnly` for the layer that vanishes.
        """
        check_field(u)
        with _full_precision(u):
            wide = u.float() if u.dtype in _HALF else u
            # Asked first, so that a compiled graph does not depend on _checked.
            if not torch.compiler.is_compiling() and self.training and not self._checked:
                self._checked = True
                self._warn(wide)
            return self.evolve(wide).to(u.dtype)

    def evolve(self, u: Tensor) -> Tensor:
        """The layer at a float32 or float64 tensor; no checks."""
        raise NotImplementedError

    def gain_at(self, u: Tensor) -> float:
        """By how much the layer amplifies the worst small perturbation of ``u``, in the L2 norm.

        At full strength (``scale`` 1) where it is known in closed form, else as it stands.
        """
        raise NotImplementedError

    @property
    def warn_above(self) -> float | None:
        """The gain above which the first call in training mode warns; None: never."""
        return self.max_gain

    def step_length(self, u: Tensor) -> Tensor:
        """``scale * dt`` in the dtype and on the device of ``u``."""
        return self.scale.to(device=u.device, dtype=u.dtype) * self.dt

    def _warn(self, u: Tensor) -> None:
        """Warn if the layer amplifies more than `warn_above`."""
        limit = self.warn_above
        if limit is None or torch.is_inference_mode_enabled() or u.is_meta or not u.numel():
            return
        example = u.detach()[:1]  # one image tells as much as a batch
        try:
            if not bool(torch.isfinite(example).all()):
                return  # not this layer's fault
            gain = self.gain_at(example)
        except RuntimeError as error:
            message = f"the gain of {self} could not be estimated: {error}. max_gain=None skips it."
            warnings.warn(message, StabilityWarning, stacklevel=4)
            return
        if not gain <= limit:
            warnings.warn(advice(self, gain, limit, u.ndim - 2), StabilityWarning, stacklevel=4)

    def _apply(self, fn: Callable[..., Any], recurse: bool = True) -> InverseLayer:
        """Move ``scale`` with the module, but keep it in float32: half() would round it."""
        before = self.scale
        super()._apply(fn, recurse)
        if before.is_meta and not self.scale.is_meta:  # built on "meta": nothing to copy
            self.scale = torch.ones((), device=self.scale.device)
        elif self.scale.dtype != torch.float32:
            self.scale = before.to(self.scale.device)
        return self

    def extra_repr(self) -> str:
        """The arguments, for ``print(network)``."""
        return f"steps={self.steps}, dt={self.dt:g}, max_gain={self.max_gain}"


def check_gain_limit(value: Any, name: str = "max_gain") -> float | None:
    """None, or a number of at least 1."""
    if value is None:
        return None
    number = check_number(value, name)
    if number < 1:
        raise InputError(f"{name}={value!r}; allowed is at least 1 (the layers amplify), or None")
    return number


def check_field(u: Any) -> None:
    """Refuse all but floating-point tensors ``(N, C, *space)`` with one to three spatial axes."""
    if not isinstance(u, Tensor):
        raise InputError(f"u={type(u).__name__}; allowed is a tensor of shape (N, C, *space)")
    if not u.is_floating_point():
        raise InputError(f"u of dtype {u.dtype}; allowed is floating point")
    if not 3 <= u.ndim <= 5:
        raise InputError(
            f"u of shape {tuple(u.shape)}; allowed is (N, C, *space) with one to three spatial axes"
        )
    if 0 in u.shape[2:]:
        raise InputError(f"u of shape {tuple(u.shape)} has no pixels; at least one per axis")


def _full_precision(u: Tensor) -> AbstractContextManager[Any]:
    """Autocast off on the device of ``u`` ("meta" has none)."""
    return nullcontext() if u.is_meta else torch.autocast(u.device.type, enabled=False)
