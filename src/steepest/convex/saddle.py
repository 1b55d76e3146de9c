"""The solver of one step of total generalised variation, in array code for NumPy and torch.

    min over u, w of  1/2||u - f||^2 + tau (alpha1 sum |grad u - w| + alpha0 sum |E w|)

with fields p and q for the two norms, ``|p| <= alpha1`` and ``|q| <= alpha0``; at the solution
``p = E* q``. An iteration is a primal-dual step (Chambolle & Pock, J. Math. Imaging Vis. 40 (2011)
120-145) with a step length for each of u, w, p and q, over-relaxed by the factor 1.9 (Condat, J.
Optim. Theory Appl. 158 (2013) 460-479):

    u~ = (u + a (f + tau div p)) / (1 + a)             w~ = w + b tau (p - E* q)
    p~ = project(p + c (grad(2 u~ - u) - (2 w~ - w)))  q~ = project(q + d E(2 w~ - w))
    z  = z + 1.9 (z~ - z)   for z = u, w, p, q

In the last iteration before a measurement, the factor is 1: p and q are then in their balls. It
converges for ``tau c (a |grad|^2 + 9 b) <= 1`` and ``tau d 9/8 b |E|^2 <= 1``, because of
``|p - E* q|^2 <= 9 |p|^2 + 9/8 |E* q|^2``. A measurement *repairs* q, which then almost satisfies
``|E* q| <= alpha1``: that is where an iterate is far from feasible, at a percent of the pixels.
"""

import math
from collections.abc import Sequence

from ..core.namespace import Array, cast, namespace, sum64, to_float64
from ..grid.differences import gradient_norm_squared
from .certificate import StepTerms, near_terms, step_terms
from .dual import RELAXED, Dual, Warm, pause_of
from .total_generalised_variation import TotalGeneralisedVariation, shorten

_ALONE, _IN_FLOW = (0.015, 0.02), (0.03, 0.06)  # of u and w, times slope / (tau alpha); measured
_SPLIT = 8.0  # |p - E* q|^2 <= (1 + 8) |p|^2 + (1 + 1/8) |E* q|^2
_LEAST_SLOPE = 0.3  # times the first mean slope, as the slope vanishes with the image
_FINE = 1e-3  # relative gap below which primal steps shrink
_LEAST = 1e-4  # times that: the steps no longer change
_MARGIN, _FLOW_MARGIN = 0.1, 1e-3  # of the relative gap: what the repair leaves between |E* q| and
# alpha1, at most; it moves f - tau H* q, which a flow needs, and keeps its gap from falling
_MOST_MARGIN = 1e-4


class SaddleDual(Dual):
    """See `steepest.convex.dual.Dual`; ``warm`` is (q, p, w, u), the flux is q."""

    patience = 10_000  # long plateaus are common

    def __init__(self, f: Array, energy: TotalGeneralisedVariation) -> None:
        self.energy = energy
        space = tuple(f.shape[1:])
        self._begin(f)
        self._norm = gradient_norm_squared(energy.steps, space) or 1.0  # of E, too
        self._axes = max(sum(n > 1 for n in space), 1)
        # of q, which is an integral of p: bounded by alpha0, and by alpha1 times a length
        length = max(n * h for n, h in zip(space, energy.steps, strict=True)) / 8
        self._size_p, alpha0 = energy.typical
        self._size_q = min(alpha0, self._size_p * length)
        self._slope = self._first_slope = self._mean_slope()
        self._share, self._margin = 1.0, _MOST_MARGIN
        self.set_step(1.0)

    def _begin(self, f: Array) -> None:
        """The state before the first step."""
        self.f = self._image = f
        self._change = 0 * f  # u - f
        self.pause = pause_of(f)
        xp, ndim = namespace(f), f.ndim - 1
        self.q = xp.stack([f * 0] * self.energy.num_components(ndim))
        self.p = xp.stack([f * 0] * ndim)
        self.w = 0 * self.p
        self._before: Array | None = None  # w of f

    def set_step(self, tau: float, relaxation: float = 1.0) -> None:
        """Set the length ``tau`` of the step; ``relaxation`` is ignored.

        Primal steps are proportional to the slopes of the image and, with dual ones, to lengths.
        """
        self.tau = tau
        slope = max(self._slope, _LEAST_SLOPE * self._first_slope) or 1.0
        pixel = math.sqrt(4 * self._axes / self._norm)
        of_u, of_w = _ALONE if self.alone else _IN_FLOW
        self._a = of_u * pixel**2 * slope / (tau * self._size_p) * self._share**0.15
        self._b = of_w * pixel * slope / (tau * self._size_q) * self._share**0.25
        self._c = 1 / (tau * (self._a * self._norm + (1 + _SPLIT) * self._b))
        self._d = 1 / (tau * (1 + 1 / _SPLIT) * self._b * self._norm)

    @property
    def step_sizes(self) -> tuple[float, float, float, float]:
        """a, b, c and d."""
        return self._a, self._b, self._c, self._d

    def set_flux(self, p: Array) -> None:
        """Start from a given q and its p = E* q."""
        self.q, self.p = p, self.energy.unbend(p)
        self._change = -self.tau * cast(self.energy.adjoint(p), self.f.dtype)

    @property
    def warm(self) -> Warm:
        """q, p, w and u."""
        return (self.q, self.p, self.w, self.f + self._change)

    @warm.setter
    def warm(self, arrays: Warm) -> None:
        self.q, self.p, self.w, u = arrays
        self._change = u - self.f
        self._before = self.w

    def shrink_flux(self, factor: float) -> None:
        self.q, self.p = self.q * factor, self.p * factor

    def restart(self) -> None:
        """Do nothing: there is no momentum."""

    def iterate(self, betas: Sequence[float]) -> None:
        """Do one iteration for each entry; its value is ignored."""
        energy, tau, a, b = self.energy, self.tau, self._a, self._b
        change, w, p, q = self._change, self.w, self.p, self.q
        for left in range(len(betas) - 1, -1, -1):
            relaxed = RELAXED if left else 1.0  # so that p and q are in their balls in the end
            du = (a / (1 + a)) * (-tau * energy.adjoint_gradient(p) - change)
            dw = (b * tau) * (p - energy.unbend(q))
            bar = w + 2 * dw
            slopes = self._slopes + energy.gradient(change + 2 * du)
            dp = shorten(p + self._c * (slopes - bar), energy.alpha1) - p
            dq = shorten(q + self._d * energy.bend(bar), energy.alpha0) - q
            change, w = change + relaxed * du, w + relaxed * dw
            p, q = p + relaxed * dp, q + relaxed * dq
        self._change, self.w, self.p, self.q = change, w, p, q

    @property
    def flux(self) -> Array:
        """A feasible q, (components, channels, \\*space)."""
        return cast(self._feasible(), self.f.dtype)

    def measure(self) -> StepTerms:
        terms = self._measure()
        relative = terms.gap / terms.primal if terms.primal > 0 else 0.0
        margin = _MARGIN if self.alone else _FLOW_MARGIN
        self._margin = min(margin * relative, _MOST_MARGIN)
        self._share = min(self._share, max(relative / _FINE, _LEAST))
        self.set_step(self.tau)
        return terms

    def _measure(self) -> StepTerms:
        q, w = self._feasible(), to_float64(self.w)
        if self.alone:
            self._image = self.f + self._change
            return near_terms(self.energy, self.f, self._image, q, self.tau, w)
        starts = [w] if self._before is None else [w, to_float64(self._before)]
        before = min(starts, key=lambda one: self.energy.slack(self.f, q, one)[1])  # all hold
        exact = to_float64(self.f) - self.tau * self.energy.adjoint(q)
        self._image = cast(exact, self.f.dtype)
        witnesses = (before, (before + w) / 2, w)
        return step_terms(self.energy, self.f, self._image, q, self.tau, witnesses)

    def advance(self) -> None:
        self._change = (self.f - self._image) + self._change
        self.f, self._before = self._image, self.w
        self._begin_step()

    def _begin_step(self) -> None:
        """Step sizes for the image as it is now."""
        self._slope, self._share = self._mean_slope(), 1.0

    def _feasible(self) -> Array:
        """q in K, in float64."""
        return self.energy.feasible(self.energy.repaired(self.q, self._margin))

    def _mean_slope(self) -> float:
        """The root of the mean square of the gradient."""
        slopes = self.energy.gradient(to_float64(self.f))
        self._slopes = cast(slopes, self.f.dtype)
        return math.sqrt(sum64(slopes * slopes) / math.prod(self.f.shape[1:]))
