"""The inverse evolution layer of any evolution ``u_t = F(u)``."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from ..core.errors import InputError
from ..core.numbers import check_number
from .base import LARGEST, InverseLayer
from .stability import DEFAULT_LIMIT, estimate_gain


class InverseEvolution(InverseLayer):
    """``steps`` times ``L(u) = u - dt F(u)``: the evolution ``u_t = F(u)`` run backwards.

    ``v = u + dt F(v)``, the implicit Euler step, is ``L(v) = u``: the layer is its exact inverse,
    wherever that step has a unique solution. For a gradient flow, ``F = -dJ``, the step is the
    proximal one::

        v = argmin_v 1/2 |v - u|^2 + dt J(v)   <=>   L(v) = v + dt dJ(v) = u.

    A network trained through the layers to fit ``y`` therefore predicts, without them, ``steps``
    implicit Euler steps of length ``dt`` from ``y``.

    Parameters
    ----------
    operator : callable
        ``F``: a tensor ``(N, C, *space)`` to one of the same shape, differentiable. It gets float32
        or float64. A module is registered as a child; the estimate of the gain runs it too, 21
        times, so that batch normalisation or dropout in it move on.
    steps : int
        Number of layers, positive. Autograd keeps what each of them needs.
    dt : float
        Length of a step, positive.
    max_gain : float or None
        The gain above which the layer warns; it bounds nothing (the ``max_gain`` of `InverseHeat`
        does). The first call in training mode (of a layer that is not compiled) estimates the gain
        at full strength, at the image of largest norm of the batch, by `estimate_gain`, and gives
        a `StabilityWarning` if it is above this. None: not estimated.
    spatial_ndim : 1, 2, 3 or None
        As in `InverseLayer`: 1 for signals ``(N, C, length)``.

    Raises
    ------
    InputError
        An argument out of range; at a call, an input that is not ``(N, C, *space)`` in floating
        point, or an ``F(u)`` of another shape than ``u``.

    References
    ----------
    Liu, Qiao, Li & Schoenlieb, Inverse Evolution Layers: Physics-informed Regularizers for Deep
    Neural Networks, Eq. (4).
    """

    def __init__(
        self,
        operator: Callable[[Tensor], Tensor],
        steps: int,
        dt: float,
        max_gain: float | None = DEFAULT_LIMIT,
        spatial_ndim: int | None = None,
    ) -> None:
        super().__init__(steps, dt, max_gain, spatial_ndim)
        if not callable(operator):
            raise InputError(f"operator={operator!r}; allowed is a callable u -> F(u)")
        self.operator = operator

    def advance(self, u: Tensor, length: Tensor) -> Tensor:
        """``steps`` times ``u - length F(u)``."""
        for _ in range(self.steps):
            change = self.operator(u)
            if change.shape != u.shape:
                raise InputError(
                    f"operator turns shape {tuple(u.shape)} into {tuple(change.shape)}; "
                    "allowed is the shape it is given"
                )
            u = u - length * change
        return u

    def gain_at(self, u: Tensor) -> float:
        """`estimate_gain` at ``u``, at full strength."""
        return estimate_gain(lambda v: self.advance(v, v.new_full((), self.dt)), u)

    def extra_repr(self) -> str:
        """The arguments, with the operator's name where it is not a module."""
        name = getattr(self.operator, "__name__", repr(self.operator))
        return f"{name}, {super().extra_repr()}"


def check_width(eps: float) -> float:
    """A positive number whose square neither under- nor overflows in float32."""
    number = check_number(eps, "eps", positive=True)
    if not 1e-15 <= number <= LARGEST:
        raise InputError(
            f"eps={eps!r}; allowed is at least 1e-15 (its square underflows below) and at most 1e12"
        )
    return number
