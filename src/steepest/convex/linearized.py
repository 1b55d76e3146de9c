"""The derivative of one ROF solution with respect to its data, as a linear solver.

Let ``v = argmin 1/2||v - f||^2 + tau J(v)`` with a pointwise energy ``J(u) = sum |A u|`` and its
flux ``p``. The derivatives dv and dp satisfy, at each pixel and with ``g = df - dtau A* p``,

    c dp = T A dv,       dp = T dp,        dv = g - tau A* dp,

    inside the ball:   T = 1,                c = eps
    on its boundary:   T = 1 - n n^T,        c = |A v| / w,            n = q / |q|,

where ``q = p + s A v`` with any ``s > 0``. T projects to the directions in which the flux can
change, and c is its compliance. Insertion gives the symmetric, positive semi-definite equation

    (c + tau T A A* T) dp = T A g,

solved by conjugate gradients. The map from g to dv is symmetric, so it also maps the gradient of a
loss with respect to v to that with respect to f. docs/gradients has the derivation.

This is plain array code for NumPy and torch, in float64, for several independent images at once:
images are (items, channels, \\*space), fluxes (ndim, items, channels, \\*space).
"""

from dataclasses import dataclass

from ..core.namespace import Array, namespace, to_float64
from .pointwise import PointwiseEnergy

_FIRST_LOOK = 20  # iterations before the first test; each test makes a GPU wait
_EXHAUSTED = 1e-26  # of the first squared residual: the rest is rounding, which may lie in the null
# space of the operator and must not be amplified


@dataclass(frozen=True, eq=False)
class Linearized:
    """T (given by ``normal``, which is zero inside the ball, and ``free``) and c of one step."""

    energy: PointwiseEnergy
    tau: float
    normal: Array
    compliance: Array
    free: Array | None

    def tangential(self, y: Array) -> Array:
        """``T y``."""
        along = _over_groups(self.energy, self.normal * y)
        y = y - self.normal * along
        return y if self.free is None else y * self.free

    def operator(self, y: Array) -> Array:
        """``(c + tau T A A*) y`` for tangential y."""
        back = self.energy.operator(self.energy.adjoint(y))
        return self.compliance * y + self.tau * self.tangential(back)


@dataclass(frozen=True, eq=False)
class Derivative:
    """dv (``image``), dp (``flux``), the number of iterations, and whether all items converged."""

    image: Array
    flux: Array
    iterations: int
    converged: bool


def linearize(energy: PointwiseEnergy, image: Array, flux: Array, tau: float) -> Linearized:
    """T and c at each pixel, from a solution ``image`` and its ``flux``; ``tau > 0``.

    A flux is on the boundary of its ball where ``|q| > w``, with the dual step ``s`` of the solver.
    There ``(|q|(1 + s eps) - w) / (s w)`` equals ``|A v| / w`` at the solution, and is positive.
    """
    xp = namespace(image)
    image, flux = to_float64(image), to_float64(flux)
    step = 1.0 / (tau * energy.norm_squared(tuple(image.shape[2:])))
    q = flux + step * energy.operator(image)
    length = xp.sqrt(_over_groups(energy, q * q))
    weights = xp.ones_like(image[0, 0])
    if energy.weights is not None:
        weights = to_float64(energy.weights)
    free = weights > 0
    weights = xp.where(free, weights, xp.ones_like(weights))
    outside = (length > weights * (1 + step * energy.huber)) & free
    one, inner = xp.ones_like(length), energy.huber * xp.ones_like(length)
    compliance = xp.where(outside, (length - weights) / (step * weights), inner)
    compliance = xp.where(free, compliance, one)
    return Linearized(
        energy=energy,
        tau=tau,
        normal=xp.where(outside, q / xp.where(outside, length, one), xp.zeros_like(q)),
        compliance=compliance,
        free=None if energy.weights is None else to_float64(free),
    )


def _over_groups(energy: PointwiseEnergy, v: Array) -> Array:
    """Sums over the channels and over the components that share a norm, for each component."""
    sums = v.sum(2, keepdims=True)
    parts = [sums[group] for group in energy.groups(len(v))]
    return namespace(v).concatenate([part.sum(0, keepdims=True) + 0 * part for part in parts])


def differentiate(step: Linearized, data: Array, tol: float, max_num_iter: int) -> Derivative:
    """dv and dp for the right-hand side ``data`` = g (items, channels, \\*space).

    Preconditioned conjugate gradients. They end when the last third of the iterations changed dv by
    at most ``tol`` times the norm of the data, which is then about its error (docs/gradients).
    """
    xp, data = namespace(data), to_float64(data)
    energy, components = step.energy, step.normal.shape[0]
    typical = energy.norm_squared((2,) * (data.ndim - 2)) / (
        2 * components
    )  # of A A* on its diagonal
    pre = 1.0 / (step.compliance + step.tau * typical)
    residual = step.tangential(energy.operator(data))
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
        before, image = image, data - step.tau * energy.adjoint(y)
        moved = (image - before)[None]
        done = done | (rz <= rounding) | (_dot(moved, moved) <= allowed)
    return Derivative(image, y, count, bool(done.all()))


def _dot(a: Array, b: Array) -> Array:
    """Inner products item by item, (items,), of arrays (ndim, items, channels, \\*space)."""
    return (a * b).sum((0, *range(2, a.ndim)))


def _spread(values: Array, like: Array) -> Array:
    """Reshape (items,) to (1, items, 1, ...), to multiply fields."""
    return values.reshape((1, -1) + (1,) * (like.ndim - 2))
