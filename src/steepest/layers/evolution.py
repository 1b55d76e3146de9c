"""The inverse evolution layer of any evolution ``u_t = F(u)``."""

from collections.abc import Callable

from torch import Tensor, nn

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
        ``F``: `TotalVariationFlow`, or your own, which maps a float32 or float64 tensor
        ``(N, C, *space)`` to one of the same shape, differentiably. It may have attributes
        ``dt_limit``, at which its implicit step ceases to be invertible, and ``spatial_ndim``. A
        module is registered as a child. The gain estimate runs the operator 21 times, which
        advances batch-normalisation statistics and dropout masks in it.
    steps, dt
        See `InverseLayer`. Autograd's memory grows with the number of steps.
    max_gain : float or None
        The gain above which the layer warns, between 1 and 1e30; it does not cap the gain. The
        first call in training mode of a layer that is not compiled estimates the gain at full
        strength with `estimate_gain`, at the image of largest norm in the batch. None: no estimate.
    spatial_ndim : 1, 2, 3 or None
        See `InverseLayer`. None: that of the operator if it has one, else 2 or 3.

    Raises
    ------
    InputError
        If an argument is out of range, or ``dt`` is too large for the step of the operator to have
        an inverse. When the layer is called: if the input is not a floating-point
        tensor ``(N, C, *space)``, or ``F(u)`` has another shape than ``u``.

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
        if not callable(operator):
            raise InputError(f"operator={operator!r}; allowed is a callable u -> F(u)")
        if spatial_ndim is None:
            spatial_ndim = getattr(operator, "spatial_ndim", None)
        super().__init__(steps, dt, max_gain, spatial_ndim)
        limit = getattr(operator, "dt_limit", None)
        if limit is not None and self.dt >= limit:
            raise InputError(
                f"dt={self.dt:g}; allowed is below {limit:g}: at it the layer of {operator} has no "
                "Lipschitz inverse, above it no inverse at all"
            )
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

    @property
    def operator_name(self) -> str:
        """The operator in words; a module, which is printed as a child, by its class."""
        module = isinstance(self.operator, nn.Module)
        words = type(self.operator).__name__ if module else repr(self.operator)
        return getattr(self.operator, "__name__", words)

    def extra_repr(self) -> str:
        """The arguments."""
        return f"{self.operator_name}, {super().extra_repr()}"


def check_width(eps: float) -> float:
    """A positive number whose square neither under- nor overflows in float32."""
    return check_number(eps, "eps", positive=True, least=1e-15, most=LARGEST)
