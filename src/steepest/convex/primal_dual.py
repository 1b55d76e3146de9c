"""An over-relaxed primal-dual solver of a step that stands alone, in array code.

    min over v of max over p of  1/2||v - f||^2 + tau (<A v, p> - R(p))

with steps a of v and c of p, ``tau a c ||A||^2 = 1``, over-relaxed by the factor 1.9 (Chambolle &
Pock, J. Math. Imaging Vis. 40 (2011) 120-145; Condat, J. Optim. Theory Appl. 158 (2013) 460-479).
The result is the iterate v, whose gap is several times smaller than that of ``f - tau A* p``. A
flow needs the latter, which `reference` finds in fewer iterations.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..core.namespace import Array, sum64, to_float64
from .certificate import StepTerms, near_terms
from .dual import RELAXED, Warm
from .energy import ProximalEnergy
from .reference import ReferenceDual

_STEP = 0.35  # of v, times slope / (tau ||A||^2), where slope is the mean of |A f|; measured
_LEAST_SLOPE = 1e-3  # times contrast and ||A||, as A f of a resting image is only rounding


class PrimalDual(ReferenceDual):
    """`ReferenceDual`, with another iteration while the step stands ``alone``.

    ``warm`` is then (p, v); the flux is p.
    """

    def __init__(self, f: Array, energy: ProximalEnergy) -> None:
        slopes = energy.operator(to_float64(f))
        mean = math.sqrt(sum64(slopes * slopes) / math.prod(f.shape[1:]))
        self.v = f
        super().__init__(f, energy)
        contrast = float(abs(f - f.mean()).max()) * math.sqrt(self._norm)
        self._slope = max(mean, _LEAST_SLOPE * contrast) or 1.0
        self._reached = (f, self.p)

    @property
    def warm(self) -> Warm:
        """p and v; in a flow the flux and the extrapolated flux."""
        return (self._reached[1], self._reached[0]) if self.alone else (self.p, self.y)

    @warm.setter
    def warm(self, arrays: Warm) -> None:
        if self.alone:
            self.p, self.v = arrays
            self._reached = (self.v, self.p)
        else:
            self.p, self.y = arrays

    def set_flux(self, p: Array) -> None:
        self.warm = (p, self.f - self.tau * self.energy.adjoint(p) if self.alone else p)

    def iterate(self, betas: Sequence[float]) -> None:
        if not self.alone:
            super().iterate(betas)
            return
        energy, tau = self.energy, self.tau
        a = _STEP * self._slope / (tau * self._norm)
        c = 1 / (tau * a * self._norm)
        v, p = self.v, self.p
        for _ in betas:
            dv = (a / (1 + a)) * (self.f - tau * energy.adjoint(p) - v)
            dp = energy.prox(p + c * energy.operator(v + 2 * dv), c) - p
            self._reached = (v + dv, p + dp)
            v, p = v + RELAXED * dv, p + RELAXED * dp
        self.v, self.p = v, p

    def measure(self) -> StepTerms:
        if not self.alone:
            return super().measure()
        self._image, p = self._reached
        return near_terms(self.energy, self.f, self._image, p, self.tau, None)
