"""An over-relaxed primal-dual solver of one step, in array code for NumPy and torch.

    min over v of max over p of  1/2||v - f||^2 + tau (<A v, p> - R(p))

with steps a of v and c of p, ``tau a c ||A||^2 = 1`` (Chambolle & Pock, J. Math. Imaging Vis. 40
(2011) 120-145), over-relaxed by the factor 1.9 except in the last iteration before a measurement
(Condat, J. Optim. Theory Appl. 158 (2013) 460-479). The result of a step that stands alone is the
iterate v, whose gap is several times smaller than that of ``f - tau A* p``. A flow needs the
latter.

With a small a, v and p oscillate, and this fades like ``exp(-a k / 2)``. The steps of a flow, and
long ones, therefore have a larger a, which falls with the iterations that they take. What is stored
is v - f, and A f: the small changes at late times would be lost in v by rounding.
"""

import math
from collections.abc import Sequence

from ..core.namespace import Array, cast, namespace, sum64, to_float64
from .certificate import StepTerms, near_terms, step_terms
from .dual import RELAXED, Dual, Warm, pause_of
from .energy import ProximalEnergy

_STEP = 0.35  # of v, times slope / (tau ||A||^2), where slope is the mean of |A f|; measured
_LEAST_SLOPE = 0.1  # times the first mean slope, as the slope vanishes with the image
_RESTING = 1e-3  # times contrast and ||A||, as A f of a resting image is only rounding
_FINE = 1e-3  # relative gap below which the step of v shrinks
_LEAST = 1e-3  # times that: the steps no longer change
_DAMPING, _POWER = 0.6, 0.7  # after k iterations, a is at least _DAMPING / k**_POWER; measured
_PATIENCE = 300  # iterations without that, if the step stands alone


class PrimalDual(Dual):
    """See `steepest.convex.dual.Dual`; ``warm`` is (p, v), the flux is p."""

    energy: ProximalEnergy

    def __init__(self, f: Array, energy: ProximalEnergy) -> None:
        self.energy = energy
        self._norm = energy.norm_squared(tuple(f.shape[1:]))
        contrast = float(abs(f - f.mean()).max()) * math.sqrt(self._norm)
        self._begin(f)
        self._slope = self._mean_slope()
        self._least = max(_LEAST_SLOPE * self._slope, _RESTING * contrast)
        self._share, self._done, self._expected = 1.0, 0, 0
        self.set_step(1.0)

    def _begin(self, f: Array) -> None:
        """The state before the first step."""
        self.f = self._image = f
        self._change = 0 * f
        self.pause = pause_of(f)
        self.p = namespace(f).stack([0 * f] * self.energy.num_components(f.ndim - 1))

    def set_step(self, tau: float, relaxation: float = 1.0) -> None:
        """Set the length ``tau`` of the step; ``relaxation`` is ignored."""
        self.tau = tau
        slope = max(self._slope, self._least) or 1.0
        self._a = _STEP * slope / (tau * self._norm) * self._share**0.3
        if self._expected >= (_PATIENCE if self.alone else 1):
            self._a = max(self._a, _DAMPING / self._expected**_POWER)
        self._c = 1 / (tau * self._a * self._norm)

    @property
    def step_sizes(self) -> tuple[float, float]:
        """a and c."""
        return self._a, self._c

    @property
    def warm(self) -> Warm:
        """p and v."""
        return (self.p, self.f + self._change)

    @warm.setter
    def warm(self, arrays: Warm) -> None:
        self.p, self._change = arrays[0], arrays[1] - self.f

    def set_flux(self, p: Array) -> None:
        self.p = p
        self._change = -self.tau * cast(self.energy.adjoint(p), self.f.dtype)

    def shrink_flux(self, factor: float) -> None:
        self.p = self.p * factor

    def restart(self) -> None:
        """Do nothing: there is no momentum."""

    def iterate(self, betas: Sequence[float]) -> None:
        """Do one iteration for each entry; its value is ignored."""
        energy, tau, a, c = self.energy, self.tau, self._a, self._c
        d, p = self._change, self.p
        for left in range(len(betas) - 1, -1, -1):
            relaxed = RELAXED if left else 1.0  # so that p is in its ball in the end
            dv = (a / (1 + a)) * (-tau * energy.adjoint(p) - d)
            dp = energy.prox(p + c * (self._slopes + energy.operator(d + 2 * dv)), c) - p
            d, p = d + relaxed * dv, p + relaxed * dp
        self._change, self.p = d, p
        self._done += len(betas)

    def measure(self) -> StepTerms:
        terms = self._measure()
        self._expected = max(self._expected, self._done)
        relative = terms.gap / terms.primal if terms.primal > 0 else 0.0
        self._share = min(self._share, max(relative / _FINE, _LEAST))
        self.set_step(self.tau)
        return terms

    def _measure(self) -> StepTerms:
        if self.alone:
            self._image = self.f + self._change
            return near_terms(self.energy, self.f, self._image, self.p, self.tau, None)
        p = self.energy.feasible(self.p)
        exact = to_float64(self.f) - self.tau * self.energy.adjoint(p)
        self._image = cast(exact, self.f.dtype)
        return step_terms(self.energy, self.f, self._image, p, self.tau)

    def advance(self) -> None:
        self._change = (self.f - self._image) + self._change
        self.f = self._image
        self._begin_step()

    def _begin_step(self) -> None:
        """Step sizes for the image as it is now."""
        self._slope, self._share = self._mean_slope(), 1.0
        self._done, self._expected = 0, self._done

    def _mean_slope(self) -> float:
        """The root of the mean square of A f."""
        slopes = self.energy.operator(to_float64(self.f))
        self._slopes = cast(slopes, self.f.dtype)
        return math.sqrt(sum64(slopes * slopes) / math.prod(self.f.shape[1:]))
