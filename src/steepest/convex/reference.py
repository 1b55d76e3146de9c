"""The accelerated dual iteration in plain array code: NumPy arrays and torch tensors alike.

It is the definition that the compiled path is tested against, and the path torch tensors take
(on their own device).
"""

from __future__ import annotations

from collections.abc import Sequence

from ..core.namespace import Array, namespace
from ..grid.differences import divergence, gradient_norm_squared
from .certificate import StepTerms, step_terms
from .total_variation import TotalVariation


class ReferenceDual:
    """Dual of ``min_v 1/2||v - f||^2 + tau J(v)``: ``min_p 1/2||f + tau div p||^2`` over the ball.

    Holds ``f`` (channels, \\*space), the flux ``p`` and the extrapolated flux ``y``
    (ndim, channels, \\*space), and iterates

        p+ = project( (y + s grad(f + tau div y)) / (1 + s eps) ),   y+ = p+ + beta (p+ - p).
    """

    def __init__(self, f: Array, functional: TotalVariation, num_threads: int | None = None):
        self.functional = functional
        self.f = self._image = f
        xp = namespace(f)
        self.p = xp.stack([xp.zeros_like(f)] * len(functional.spacing))
        self.y = self.p
        self._norm = gradient_norm_squared(functional.spacing, f.shape[1:]) or 1.0
        self.set_step(1.0)

    def set_step(self, tau: float, relaxation: float = 1.0) -> None:
        """Length ``tau`` of the step; ``relaxation / (tau ||grad||^2)`` is the dual step size."""
        self.tau = tau
        self.step_size = relaxation / (tau * self._norm)

    def set_flux(self, p: Array, extrapolated: Array | None = None) -> None:
        """Start from a given flux; without momentum unless the extrapolated flux is given too."""
        self.p = p
        self.y = p if extrapolated is None else extrapolated

    def shrink_flux(self, factor: float) -> None:
        """Multiply the flux by a number in [0, 1] and forget the momentum."""
        self.set_flux(self.p * factor)

    def restart(self) -> None:
        """Forget the momentum."""
        self.y = self.p

    def iterate(self, betas: Sequence[float]) -> None:
        """One iteration for each momentum factor."""
        functional = self.functional
        shrink = 1.0 / (1.0 + self.step_size * functional.huber)
        for beta in betas:
            u = self.f + self.tau * divergence(self.y, functional.spacing)
            q = functional.project(shrink * (self.y + self.step_size * functional.gradient(u)))
            self.y = q + beta * (q - self.p)
            self.p = q

    @property
    def flux(self) -> Array:
        """The current flux, (ndim, channels, \\*space)."""
        return self.p

    @property
    def extrapolated(self) -> Array:
        """The extrapolated flux, the same shape."""
        return self.y

    @property
    def image(self) -> Array:
        """``f + tau div p`` as of the last `measure`, (channels, \\*space)."""
        return self._image

    def measure(self) -> StepTerms:
        """Gap, energies and certificate terms of the step as it stands."""
        self._image = self.f + self.tau * divergence(self.p, self.functional.spacing)
        return step_terms(self.functional, self.f, self._image, self.p, self.tau)

    def advance(self) -> None:
        """Make the measured image the data of the next step; flux and momentum stay."""
        self.f = self._image
