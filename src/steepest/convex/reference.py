"""The accelerated dual iteration in plain array code: NumPy arrays and torch tensors alike.

It is the definition that the compiled path is tested against, the path that torch tensors take (on
their own device), and the one for every energy that has no compiled path.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..core.namespace import Array, namespace
from .certificate import StepTerms, step_terms
from .dual import Warm
from .energy import ProximalEnergy


class ReferenceDual:
    """Dual of ``min_v 1/2||v - f||^2 + tau J(v)``: ``min_p 1/2||f - tau A* p||^2 + tau R(p)``.

    Holds ``f`` (channels, \\*space), the flux ``p`` and the extrapolated flux ``y``
    (components, channels, \\*space), and iterates

        p+ = prox_{s R} (y + s A(f - tau A* y)),   y+ = p+ + beta (p+ - p).
    """

    patience = 400

    def __init__(self, f: Array, energy: ProximalEnergy, num_threads: int | None = None):
        del num_threads  # NumPy and torch have their own
        self.energy = energy
        self.f = self._image = f
        xp = namespace(f)
        self.p = xp.stack([xp.zeros_like(f)] * energy.num_components(f.ndim - 1))
        self.y = self.p
        self._norm = energy.norm_squared(tuple(f.shape[1:]))
        self.set_step(1.0)

    def set_step(self, tau: float, relaxation: float = 1.0) -> None:
        """Length ``tau`` of the step; ``relaxation / (tau ||A||^2)`` is the dual step size."""
        self.tau = tau
        self.step_size = relaxation / (tau * self._norm)

    def set_flux(self, p: Array) -> None:
        """Start from a given flux, without momentum."""
        self.p = self.y = p

    @property
    def warm(self) -> Warm:
        """The flux and the extrapolated flux."""
        return (self.p, self.y)

    @warm.setter
    def warm(self, arrays: Warm) -> None:
        self.p, self.y = arrays

    def shrink_flux(self, factor: float) -> None:
        """Multiply the flux by a number in [0, 1] and forget the momentum."""
        self.set_flux(self.p * factor)

    def restart(self) -> None:
        """Forget the momentum."""
        self.y = self.p

    def iterate(self, betas: Sequence[float]) -> None:
        """One iteration for each momentum factor."""
        energy, step = self.energy, self.step_size
        for beta in betas:
            u = self.f - self.tau * energy.adjoint(self.y)
            q = energy.prox(self.y + step * energy.operator(u), step)
            self.y = q + beta * (q - self.p)
            self.p = q

    @property
    def flux(self) -> Array:
        """The current flux, (components, channels, \\*space)."""
        return self.p

    @property
    def image(self) -> Array:
        """``f - tau A* p`` as of the last `measure`, (channels, \\*space)."""
        return self._image

    def measure(self) -> StepTerms:
        """Gap, energies and certificate terms of the step as it stands."""
        self._image = self.f - self.tau * self.energy.adjoint(self.p)
        return step_terms(self.energy, self.f, self._image, self.p, self.tau)

    def advance(self) -> None:
        """Make the measured image the data of the next step; flux and momentum stay."""
        self.f = self._image

    def coarse_flux(self) -> Array | None:
        """None: there are no coarser grids here."""
        return None

    def correct(self) -> bool:
        """False: nothing corrected."""
        return False
