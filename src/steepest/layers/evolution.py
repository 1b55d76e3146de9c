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

    The implicit Euler step ``v = u + dt F(v)`` solves ``L(v) = u``, so the layer is its exact
    inverse wherever the step has a unique solution. For a gradient flow, ``F = -dJ``, the implicit
    step is the proximal step::

        v = argmin_v 1/2 |v - u|^2 + dt J(v)   <=>   L(v) = v + dt dJ(v) = u.

    If the layers after a network are trained to output ``y``, the network on its own therefore
    predicts ``y`` after ``steps`` implicit Euler steps of length ``dt``.

    Parameters
    ----------
    operator : callable
        ``F``: maps a float32 or float64 tensor ``(N, C, *space)`` to one of the same shape,
        differentiably. A module is registered as a child. The gain estimate runs the operator 21
        times, which advances batch-normalisation statistics and dropout masks in it.
    steps : int
        Number of steps, positive, at most 1e6. Autograd's memory grows with it.
    dt : float
        Step length, positive, at most 1e12.
    max_gain : float or None
        The gain above which the layer warns, between 1 and 1e30. It does not cap the gain, unlike
        the ``max_gain`` of `InverseHeat`. The first call in training mode of a layer that is not
        compiled estimates the gain at full strength with `estimate_gain`, at the image of largest
        norm in the batch, and issues a `StabilityWarning` above ``max_gain``. None: no estimate.
    spatial_ndim : 1, 2, 3 or None
        The number of spatial axes: 1 for signals ``(N, C, length)``. None: 2 or 3.

    Raises
    ------
    InputError
        If an argument is out of range. When the layer is called: if the input is not a
        floating-point tensor ``(N, C, *space)``, or ``F(u)`` has another shape than ``u``.

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
        """Apply ``u - length F(u)`` ``steps`` times."""
        for _ in range(self.steps):
            change = self.operator(u)
            if change.shape != u.shape:
                raise InputError(
                    f"operator returns shape {tuple(change.shape)} for an input of shape "
                    f"{tuple(u.shape)}; allowed is the same shape"
                )
            u = u - length * change
        return u

    def gain_at(self, u: Tensor) -> float:
        """The gain at ``u`` at full strength, by `estimate_gain`."""
        return estimate_gain(lambda v: self.advance(v, v.new_full((), self.dt)), u)

    def extra_repr(self) -> str:
        """The arguments, with the operator's name if it has one."""
        name = getattr(self.operator, "__name__", repr(self.operator))
        return f"{name}, {super().extra_repr()}"


def check_width(eps: float) -> float:
    """A positive number whose square neither under- nor overflows in float32."""
    return check_number(eps, "eps", positive=True, least=1e-15, most=LARGEST)
