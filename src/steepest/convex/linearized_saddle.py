"""The derivative of one step of total generalised variation with respect to its data.

The linear system of `linearized` is too stiff here: the constraint ``p = E* q`` couples both
orders. Instead, the iteration of `saddle` is differentiated at its fixed point: the same steps,
with the derivatives of both projections in their place. It converges as the iteration itself does
close to the solution. The limit of ``du`` is ``S g``, with the symmetric S of `linearized`.
"""

from collections.abc import Callable
from typing import Any

from ..core.namespace import Array, namespace, sum64, to_float64
from .dual import RELAXED, Warm
from .linearized import Derivative
from .saddle import SaddleDual
from .total_generalised_variation import TotalGeneralisedVariation, magnitude

_LOOK = 50  # iterations before the first test


def differentiate_saddle(
    energy: TotalGeneralisedVariation,
    tau: float,
    warm: Warm,
    data: Array,
    tol: float,
    max_num_iter: int,
) -> tuple[Derivative, Array, Array]:
    """``S g`` for ``data`` = g (channels, \\*space), at the solution ``warm`` of `SaddleDual`.

    With ``<n, grad du - dw>`` and ``<n, E dw>`` at each pixel, where n is ``p / alpha1`` or ``q /
    alpha0`` on the boundary of its ball and 0 inside. It ends like `differentiate`.
    """
    g = to_float64(data)
    q, p, w, u = (to_float64(array) for array in warm)
    dual = SaddleDual(u, energy)
    dual.alone = True
    dual.set_step(tau)
    a, b, c, d = dual.step_sizes
    of_p, n_p = _derivative(p + c * (energy.gradient(u) - w), energy.alpha1)
    of_q, n_q = _derivative(q + d * energy.bend(w), energy.alpha0)
    du, dw, dp, dq = g, 0 * w, 0 * p, 0 * q
    size, before, look, count = sum64(g * g), 0 * g, _LOOK, 0
    while True:
        count += 1
        step_u = (a / (1 + a)) * (g - tau * energy.adjoint_gradient(dp) - du)
        step_w = (b * tau) * (dp - energy.unbend(dq))
        bar = dw + 2 * step_w
        step_p = of_p(dp + c * (energy.gradient(du + 2 * step_u) - bar)) - dp
        step_q = of_q(dq + d * energy.bend(bar)) - dq
        reached, reached_w = du + step_u, dw + step_w
        du, dw = du + RELAXED * step_u, dw + RELAXED * step_w
        dp, dq = dp + RELAXED * step_p, dq + RELAXED * step_q
        if count in (look, max_num_iter):
            moved = reached - before
            converged = sum64(moved * moved) <= tol * tol * size
            if converged or count == max_num_iter:
                along = (n_p * (energy.gradient(reached) - reached_w)).sum((0, 1))
                bent = (n_q * energy.bend(reached_w)).sum((0, 1))
                return Derivative(reached, dq, count, converged), along, bent
            before, look = reached, look + look // 2


def _derivative(v: Array, radius: Any) -> tuple[Callable[[Array], Array], Array]:
    """The derivative at v of the projection to balls of this radius, and that in the radius."""
    xp = namespace(v)
    size = magnitude(v)
    outside = size > radius
    longest = xp.where(outside, size, 1 + 0 * size)
    normal = xp.where(outside, v / longest, 0 * v)
    scale = xp.where(outside, radius / longest, 1 + 0 * size)
    return lambda y: scale * (y - normal * (normal * y).sum((0, 1))), normal
