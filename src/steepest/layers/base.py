"""What all inverse evolution layers share: steps, step length, schedule, precision, the warning."""

from __future__ import annotations

import math
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from ..core.errors import InputError
from ..core.numbers import check_count, check_number
from .stability import StabilityWarning, advice, overflow

_HALF = (torch.float16, torch.bfloat16)
LARGEST = 1e12
"""Largest step length, rate or width allowed: float32 still holds its square."""
_LARGEST_GAIN = 1e30
_MOST_STEPS = 10**6


class InverseLayer(nn.Module, ABC):
    """Base class: a layer without parameters on ``(N, C, *space)``, two or three spatial axes.

    `InverseHeat` and `InverseEvolution` derive from it. Subclasses define `advance` and `gain_at`.

    Inputs ``(N, C, length)`` with a single spatial axis are accepted only with
    ``spatial_ndim=1``, because a batch of label maps or images without a channel axis,
    ``(N, H, W)``, has the same number of axes.

    Parameters
    ----------
    steps : int
        Number of steps, positive, at most 1e6.
    dt : float
        Step length, positive, at most 1e12, in the evolution's unit of time at pixel spacing 1.
    max_gain : float or None
        Between 1 and 1e30. `InverseHeat` caps its gain here; all other layers warn above it.
    spatial_ndim : 1, 2, 3 or None
        The number of spatial axes of the inputs. None: 2 or 3.

    Raises
    ------
    InputError
        If an argument is out of range. When the layer is called: if the input is not a
        floating-point tensor ``(N, C, *space)``.

    Notes
    -----
    *Precision.* Half-precision inputs are computed in float32. The result has the input's dtype,
    except under autocast, where it stays float32 to avoid overflow in float16. Compute the
    network's last convolution in float32: the layer amplifies its rounding errors.

    *Strength.* ``scale`` is a 0-dimensional float32 buffer between 0 and 1 that is not part of the
    state_dict. Each step has length ``scale * dt``, so `set_scale` changes the strength without
    recompilation. The buffer follows the inputs to their device.

    *Stability check.* The first call in training mode warns with `StabilityWarning` if finite
    values became infinite or NaN, or if the gain at full strength (scale 1, whatever the present
    scale) exceeds `warn_above`. Later calls and calls in evaluation mode are not checked, so
    values can then grow until they overflow without a warning. The check waits for the next call
    if the batch is empty or not finite, and where ``torch.func`` does not work: under ``vmap``
    and under saved-tensor hooks. With activation checkpointing it therefore never runs, and
    compiled layers are not checked either: call `check_gain` instead.
    """

    scale: Tensor

    def __init__(
        self, steps: int, dt: float, max_gain: float | None, spatial_ndim: int | None = None
    ) -> None:
        super().__init__()
        self.steps = check_count(steps, "steps", most=_MOST_STEPS)
        self.dt = check_number(dt, "dt", positive=True, most=LARGEST)
        self.max_gain = check_gain_limit(max_gain)
        count = None if spatial_ndim is None else check_count(spatial_ndim, "spatial_ndim", most=3)
        self.spatial_ndim = count
        self.register_buffer("scale", torch.ones(()), persistent=False)
        self._memory = {"checked": False}  # shared with the copies that DataParallel makes

    def forward(self, u: Tensor) -> Tensor:
        """Apply the layer; shape, device and dtype are those of ``u`` (float32 for half precision
        under autocast). It acts in evaluation mode too; use `attach` to disable it
        there.
        """
        check_field(u, self.spatial_ndim)
        half = u.dtype in _HALF
        dtype = torch.float32 if half and _autocast_is_on(u) else u.dtype
        with _full_precision(u):
            wide = u.float() if half else u
            # Tested first, so that a compiled graph does not depend on earlier calls.
            if not torch.compiler.is_compiling():
                self._move_scale(u)
                if self.training and not self._memory["checked"]:
                    result = self.evolve(wide).to(dtype)
                    self._check(wide, result)
                    return result
            return self.evolve(wide).to(dtype)

    def evolve(self, u: Tensor) -> Tensor:
        """Apply the layer to a float32 or float64 tensor at its present ``scale``, unchecked."""
        return self.advance(u, self.step_length(u))

    @abstractmethod
    def advance(self, u: Tensor, length: Tensor) -> Tensor:
        """Take all steps, each of ``length`` (0-dimensional, dtype and device of ``u``)."""

    @abstractmethod
    def gain_at(self, u: Tensor) -> float:
        """The factor by which the layer at full strength (``scale`` 1) amplifies the worst small
        perturbation of ``u``, in the L2 norm.
        """

    @property
    def cap(self) -> str:
        """The argument to set to bound the gain, for messages; empty if there is none."""
        return ""

    @property
    def warn_above(self) -> float | None:
        """The gain above which the first call in training mode warns; None: never."""
        return self.max_gain

    def step_length(self, u: Tensor) -> Tensor:
        """``scale * dt`` in the dtype and on the device of ``u``."""
        return self.scale.to(device=u.device, dtype=u.dtype) * self.dt

    def _check(self, u: Tensor, result: Tensor) -> None:
        """Warn once if the layer overflows or amplifies more than `warn_above`."""
        limit = self.warn_above
        if torch.is_inference_mode_enabled() or u.is_meta or not u.numel():
            return
        if limit is not None and _saves_by_hooks():
            return
        try:
            example = _largest_image(u.detach())
            if not bool(torch.isfinite(example).all()):
                return  # not this layer's fault
            finite = bool(torch.isfinite(result.detach()).all())
        except RuntimeError:
            return  # under vmap values cannot be read
        self._memory["checked"] = True
        if not finite:
            warnings.warn(overflow(self, u, result), StabilityWarning, stacklevel=4)
            return
        if limit is None:
            return
        try:
            gain = finite_or_inf(self.gain_at(example))
        except RuntimeError as error:
            message = f"the gain of {self} could not be estimated: {error}. max_gain=None skips it."
            warnings.warn(message, StabilityWarning, stacklevel=4)
            return
        if gain > limit:
            skip = "max_gain=None to train without this check"
            message = advice(self, gain, limit, u.ndim - 2, skip)
            warnings.warn(message, StabilityWarning, stacklevel=4)

    def _move_scale(self, u: Tensor) -> None:
        """Move ``scale`` to the inputs' device: ``network.to()`` misses an attached layer."""
        if self.scale.device == u.device or u.is_meta:
            return
        with torch.inference_mode(False):  # else set_scale could not write to it later
            if self.scale.is_meta:
                self.scale = torch.ones((), device=u.device)
            else:
                self.scale = self.scale.to(u.device)

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
    return None if value is None else check_number(value, name, least=1, most=_LARGEST_GAIN)


def check_field(u: Any, spatial_ndim: int | None = None) -> None:
    """Refuse all but floating-point tensors ``(N, C, *space)`` with ``spatial_ndim`` spatial axes
    (None: two or three).
    """
    if not isinstance(u, Tensor):
        raise InputError(f"u={type(u).__name__}; allowed is a tensor of shape (N, C, *space)")
    if not u.is_floating_point():
        raise InputError(f"u of dtype {u.dtype}; allowed is floating point")
    allowed = (2, 3) if spatial_ndim is None else (spatial_ndim,)
    if u.ndim - 2 not in allowed:
        number = " or ".join(map(str, allowed))
        hint = "; for signals (N, C, length) set spatial_ndim=1" if spatial_ndim is None else ""
        raise InputError(
            f"u of shape {tuple(u.shape)}; allowed is (N, C, *space) with {number} spatial axes"
            f"{hint if u.ndim == 3 else ''}"
        )
    if 0 in u.shape[2:]:
        raise InputError(
            f"u of shape {tuple(u.shape)} has no pixels; allowed is at least one along each axis"
        )


def space_axes(u: Tensor) -> range:
    """The numbers of the spatial axes of ``(N, C, *space)``."""
    return range(2, u.ndim)


def finite_or_inf(gain: float) -> float:
    """``gain``, or infinity for NaN (which infinite values cause), so that it can be compared."""
    return math.inf if math.isnan(gain) else gain


def _largest_image(u: Tensor) -> Tensor:
    """The item of largest norm (or NaN), where most layers have their largest gain."""
    norms = torch.linalg.vector_norm(u.flatten(1), dim=1)
    return u.index_select(0, norms.argmax(0, keepdim=True))


def _saves_by_hooks() -> bool:
    """Whether saved-tensor hooks are active (activation checkpointing); `torch.func` then fails."""
    try:
        with torch.autograd.graph.disable_saved_tensors_hooks("not allowed here"):
            return False
    except RuntimeError:
        return True


def _autocast_is_on(u: Tensor) -> bool:
    """Whether autocast is on for the device of ``u``."""
    return not u.is_meta and torch.is_autocast_enabled(u.device.type)


def _full_precision(u: Tensor) -> AbstractContextManager[Any]:
    """A context with autocast off on the device of ``u`` ("meta" has no autocast)."""
    return nullcontext() if u.is_meta else torch.autocast(u.device.type, enabled=False)
