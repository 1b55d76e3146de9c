"""The solver of one step of total generalised variation, in array code for NumPy and torch.

The dual of ``min_v 1/2||v - f||^2 + tau J(v)`` is

    min 1/2||f + tau div p||^2   with   p = E* q,   |p| <= alpha1,   |q| <= alpha0;

The multiplier of the constraint is the w of the energy. The iteration (Condat, J. Optim. Theory
Appl. 158 (2013) 460-479; Vu, Adv. Comput. Math. 38 (2013) 667-681) takes a gradient step in p and
in q, each followed by a projection, and an ascent step in w. It has no momentum.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..core.namespace import Array, cast, namespace, to_float64
from ..grid.differences import divergence, gradient_norm_squared
from .certificate import StepTerms, step_terms
from .dual import Dual, Warm, pause_of
from .total_generalised_variation import TotalGeneralisedVariation, magnitude, shorten

_MULTIPLIER_STEP = 0.1  # times the image's mean slope; measured: 0.02 and 0.5 take twice as long
_LEAST_SLOPE = 0.1  # times the first mean slope, as the slope vanishes with the image


class SaddleDual(Dual):
    """See `steepest.convex.dual.Dual`; ``warm`` is (q, p, w), the flux is q."""

    patience = 10_000  # long plateaus are common

    def __init__(self, f: Array, energy: TotalGeneralisedVariation) -> None:
        self.energy = energy
        self.f = self._image = f
        self.pause = pause_of(f)
        xp, ndim, space = namespace(f), f.ndim - 1, tuple(f.shape[1:])
        self.q = xp.stack([f * 0] * energy.num_components(ndim))
        self.p = xp.stack([f * 0] * ndim)
        self.w = 0 * self.p
        self._before: Array | None = None  # w of f
        self._norm = gradient_norm_squared(energy.steps, space)  # of E, too
        self._first_slope = _mean_slope(energy, f)
        self.set_step(1.0)

    def set_step(self, tau: float, relaxation: float = 1.0) -> None:
        """Set the length ``tau`` of the step; ``relaxation`` is ignored."""
        self.tau = tau
        mean = max(_mean_slope(self.energy, self.f), _LEAST_SLOPE * self._first_slope)
        self._ascent = _MULTIPLIER_STEP * mean if mean > 0 else 1.0
        # ||p - E* q||^2 <= 2 ||p||^2 + 2 ||E||^2 ||q||^2 allows separate step sizes for p and q.
        self._descent_p = 1.0 / (0.5 * tau * self._norm + 2 * self._ascent)
        self._descent_q = 1.0 / (2 * self._ascent * self._norm or 1.0)

    def set_flux(self, p: Array) -> None:
        """Start from a given q and its p = E* q."""
        self.q, self.p = p, self.energy.unbend(p)

    @property
    def warm(self) -> Warm:
        """q, p and w."""
        return (self.q, self.p, self.w)

    @warm.setter
    def warm(self, arrays: Warm) -> None:
        self.q, self.p, self.w = arrays
        self._before = self.w

    def shrink_flux(self, factor: float) -> None:
        self.q, self.p = self.q * factor, self.p * factor

    def restart(self) -> None:
        """Do nothing: there is no momentum."""

    def iterate(self, betas: Sequence[float]) -> None:
        """Do one iteration for each entry; its value is ignored."""
        energy = self.energy
        violation = self.p - energy.unbend(self.q)
        for _ in betas:
            u = self.f + self.tau * divergence(self.p, energy.steps, energy.boundary)
            self.p = shorten(
                self.p + self._descent_p * (energy.gradient(u) - self.w), energy.alpha1
            )
            self.q = shorten(self.q + self._descent_q * energy.bend(self.w), energy.alpha0)
            before, violation = violation, self.p - energy.unbend(self.q)
            self.w = self.w + self._ascent * (2 * violation - before)

    @property
    def flux(self) -> Array:
        """A feasible q, (components, channels, \\*space)."""
        return cast(self.energy.feasible(self.q), self.f.dtype)

    def measure(self) -> StepTerms:
        q, w = self.energy.feasible(self.q), to_float64(self.w)
        starts = [w] if self._before is None else [w, to_float64(self._before)]
        start = min(starts, key=lambda one: self.energy.slack(self.f, q, one)[1])  # any is valid
        exact = to_float64(self.f) - self.tau * self.energy.adjoint(q)
        self._image = cast(exact, self.f.dtype)
        witnesses = (start, (start + w) / 2, w)
        return step_terms(self.energy, self.f, self._image, q, self.tau, witnesses)

    def advance(self) -> None:
        self.f, self._before = self._image, self.w


def _mean_slope(energy: TotalGeneralisedVariation, u: Array) -> float:
    return float(magnitude(energy.gradient(to_float64(u))).mean())
