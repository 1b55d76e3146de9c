"""The derivative of one ROF solution with respect to its data, as a linear solver.

Let ``v = argmin 1/2||v - f||^2 + tau J(v)`` with flux ``p``, so that ``v = f + tau div p`` and
``p = project(q)``, ``q = (p + s grad v) / (1 + s eps)`` for every ``s > 0``. Where the projection
is differentiable, so is this system of equations; eliminating the derivative of the projection
leaves, pixel by pixel, for the derivatives dv and dp,

    c dp = T grad dv,    dp = T dp,        dv = g + tau div dp,        g = df + dtau div p,

    inside the ball:   T = 1,                c = eps
    on its boundary:   T = 1 - n n^T,        c = |grad v| / w,         n = q / |q|.

T is what is left of the freedom of the flux (a flux of length w can only turn), c its compliance.
Inside the ball of total variation (eps = 0) it says ``grad dv = 0``: flat regions stay flat. On the
boundary it is ``dp = w (1 - n n^T) / |grad v| grad dv``, the second derivative of the norm.
Insertion gives one equation for the flux,

    (c + tau T grad* grad*^T T) dp = T grad g,       grad* = grad's adjoint = -div,

symmetric and not negative, solved by conjugate gradients. In this dual form, small gradients make
small entries (in the primal form, huge ones), flat regions need not be found, and nothing is
regularised: the result is exact for an exact ``p``. For an inexact ``p`` it is the derivative that
the semismooth Newton method uses. The map from g to dv is symmetric, so that it also maps the
gradient of a loss with respect to v to that with respect to f.

Plain array code, NumPy and torch alike, in float64, for several independent images at once: images
are (items, channels, \\*space), fluxes (ndim, items, channels, \\*space).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..core.namespace import Array, namespace, to_float64
from ..grid.differences import divergence, gradient, gradient_norm_squared
from .total_variation import TotalVariation

_FIRST_LOOK = 20  # iterations; each look makes a graphics processor wait
_EXHAUSTED = 1e-26  # of the first squared residual: nothing but rounding is left, which may lie
# where the operator is zero and must not be amplified


@dataclass(frozen=True, eq=False)
class Linearized:
    """The quantities T (by ``normal``, zero inside the ball, and ``free``) and c of one step."""

    spacing: tuple[float, ...]
    tau: float
    normal: Array
    compliance: Array
    free: Array | None
    axes: tuple[int, ...]

    def tangential(self, y: Array) -> Array:
        """``T y``."""
        y = y - self.normal * (self.normal * y).sum(self.axes, keepdims=True)
        return y if self.free is None else y * self.free

    def operator(self, y: Array) -> Array:
        """``(c - tau T grad div) y`` for tangential y."""
        back = gradient(divergence(y, self.spacing), self.spacing)
        return self.compliance * y - self.tau * self.tangential(back)


@dataclass(frozen=True, eq=False)
class Derivative:
    """``image``: dv; ``flux``: dp; iterations, and whether every item met the tolerance."""

    image: Array
    flux: Array
    iterations: int
    converged: bool


def linearize(functional: TotalVariation, image: Array, flux: Array, tau: float) -> Linearized:
    """Decide pixel by pixel from a solution ``image`` and its ``flux``; ``tau > 0``.

    A group of flux components is on the boundary of its ball where ``|q| > w``, with the dual step
    ``s`` of the solver; ``(|q|(1 + s eps) - w) / (s w)`` is ``|grad v| / w`` at the solution, and
    positive at every iterate.
    """
    xp = namespace(image)
    image, flux = to_float64(image), to_float64(flux)
    size = gradient_norm_squared(functional.spacing, image.shape[2:]) or 1.0
    step = 1.0 / (tau * size)
    q = flux + step * gradient(image, functional.spacing)
    axes = (0, 2) if functional.isotropic else (2,)
    length = xp.sqrt((q * q).sum(axes, keepdims=True))
    weights = xp.ones_like(image[0, 0])
    if functional.weights is not None:
        weights = to_float64(functional.weights)
    free = weights > 0
    weights = xp.where(free, weights, xp.ones_like(weights))
    outside = (length > weights * (1 + step * functional.huber)) & free
    one, inner = xp.ones_like(length), functional.huber * xp.ones_like(length)
    compliance = xp.where(outside, (length - weights) / (step * weights), inner)
    compliance = xp.where(free, compliance, one)
    return Linearized(
        spacing=functional.spacing,
        tau=tau,
        normal=xp.where(outside, q / xp.where(outside, length, one), xp.zeros_like(q)),
        compliance=compliance,
        free=None if functional.weights is None else to_float64(free),
        axes=axes,
    )


def differentiate(step: Linearized, data: Array, tol: float, max_num_iter: int) -> Derivative:
    """dv and dp for the right-hand side ``data`` = g (items, channels, \\*space).

    Preconditioned conjugate gradients. They stop where the last third of the iterations moved dv by
    no more than ``tol`` times the norm of the data, in every item: the error falls like a power of
    the iterations, so that it is then about as large (measured; docs/gradients).
    """
    xp, data = namespace(data), to_float64(data)
    pre = 1.0 / (step.compliance + 2 * step.tau * _mean_inverse_square(step.spacing))
    residual = step.tangential(gradient(data, step.spacing))
    y = 0 * residual
    z = pre * residual
    d, rz = z, _dot(residual, z)
    none, rounding = xp.zeros_like(rz), _EXHAUSTED * rz
    allowed, image = tol * tol * _dot(data[None], data[None]), data
    done, count, look = rz <= 0, 0, _FIRST_LOOK
    while count < max_num_iter and not bool(done.all()):
        while count < min(look, max_num_iter):
            count += 1
            bent = step.operator(d)
            curvature = _dot(d, bent)
            going = (~done) & (curvature > 0) & (rz > rounding)
            alpha = xp.where(going, rz / xp.where(going, curvature, none + 1), none)
            y += _spread(alpha, d) * d
            residual -= _spread(alpha, d) * bent
            z = pre * residual
            following = _dot(residual, z)
            beta = xp.where(going, following / xp.where(going, rz, none + 1), none)
            d = z + _spread(beta, d) * d
            rz = following
        look += look // 2
        before, image = image, data + step.tau * divergence(y, step.spacing)
        moved = (image - before)[None]
        done = done | (rz <= rounding) | (_dot(moved, moved) <= allowed)
    return Derivative(image, y, count, bool(done.all()))


def _mean_inverse_square(spacing: tuple[float, ...]) -> float:
    return math.fsum(1 / h**2 for h in spacing) / len(spacing)


def _dot(a: Array, b: Array) -> Array:
    """Inner products item by item, (items,), of arrays (ndim, items, channels, \\*space)."""
    return (a * b).sum((0, *range(2, a.ndim)))


def _spread(values: Array, like: Array) -> Array:
    """(items,) to (1, items, 1, ...), to multiply fields with."""
    return values.reshape((1, -1) + (1,) * (like.ndim - 2))
