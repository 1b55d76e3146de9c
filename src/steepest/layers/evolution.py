"""The inverse evolution layer of any evolution ``u_t = F(u)``."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from ..core.errors import InputError
from .base import InverseLayer
from .stability import DEFAULT_LIMIT, estimate_gain


class InverseEvolution(InverseLayer):
    """``steps`` times ``L(u) = u - dt F(u)``: the evolution ``u_t = F(u)`` run backwards.

    ``v = u + dt F(v)``, the implicit Euler step, is ``L(v) = u``: the layer is its exact inverse,
    wherever that step has a unique solution. For a gradient flow, ``F = -dJ``, the step is the
    proximal one,

        v = argmin_v 1/2 |v - u|^2 + dt J(v)   <=>   L(v) = v + dt dJ(v) = u.

    A network trained through the layers to fit ``y`` therefore predicts, without them, ``steps``
    implicit Euler steps of length ``dt`` from ``y``.

    Parameters
    ----------
    operator : callable
        ``F``: a tensor ``(N, C, *space)`` to one of the same shape, differentiable. It gets float32
        or float64. A module is registered as a child.
    steps : int
        Number of layers, positive. Autograd keeps what each of them needs.
    dt : float
        Length of a step, positive.
    max_gain : float or None
        The first call in training mode (of a layer that is not compiled) estimates the gain at the
        first image of the batch by `estimate_gain`, and warns with `StabilityWarning` if it is
        above this. The layer itself is not changed. None: not estimated.

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

    cap_remedy = "max_gain=None to train without this check"

    def __init__(
        self,
        operator: Callable[[Tensor], Tensor],
        steps: int,
        dt: float,
        max_gain: float | None = DEFAULT_LIMIT,
    ) -> None:
        super().__init__(steps, dt, max_gain)
        if not callable(operator):
            raise InputError(f"operator={operator!r}; allowed is a callable u -> F(u)")
        self.operator = operator

    def evolve(self, u: Tensor) -> Tensor:
        """``steps`` times ``u - scale dt F(u)``."""
        length = self.step_length(u)
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
        """`estimate_gain` at ``u``, at the present ``scale``."""
        return estimate_gain(self, u)

    def extra_repr(self) -> str:
        """The arguments, with the operator's name where it is not a module."""
        name = getattr(self.operator, "__name__", repr(self.operator))
        return f"{name}, {super().extra_repr()}"
