"""The accelerated dual iteration in plain array code, for NumPy arrays and torch tensors.

It is the reference for tests of the compiled path, the solver for torch tensors (on their own
device), and the solver for every energy without a compiled path.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..core.namespace import Array, namespace
from .certificate import StepTerms, step_terms
from .dual import Warm, pause_of
from .energy import ProximalEnergy


class ReferenceDual:
    """Dual of ``min_v 1/2||v - f||^2 + tau J(v)``: ``min_p 1/2||f - tau A* p||^2 + tau R(p)``.

    The state is ``f`` (channels, \\*space), the flux ``p`` and the extrapolated flux ``y``
    (components, channels, \\*space). The iteration is

        p+ = prox_{s R} (y + s A(f - tau A* y)),   y+ = p+ + beta (p+ - p).
    """

    patience = 400
    target: Array | None = None
    chunk = 2
    correction_cost = math.inf

    def __init__(self, f: Array, energy: ProximalEnergy, num_threads: int | None = None):
        del num_threads  # NumPy and torch choose their own
        self.energy = energy
        self.f = self._image = f
        self.pause = pause_of(f)
        xp = namespace(f)
        self.p = xp.stack([xp.zeros_like(f)] * energy.num_components(f.ndim - 1))
        self.y = self.p
        self._norm = energy.norm_squared(tuple(f.shape[1:]))
        self.set_step(1.0)

    def set_step(self, tau: float, relaxation: float = 1.0) -> None:
        """Set the length ``tau`` of the step and the dual step size, relaxation / (tau ||A||^2)."""
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
        """Multiply the flux by a number in [0, 1] and reset the momentum."""
        self.set_flux(self.p * factor)

    def restart(self) -> None:
        """Reset the momentum."""
        self.y = self.p

    def iterate(self, betas: Sequence[float]) -> None:
        """Do one iteration for each momentum factor."""
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

    def write_image(self, out: Array) -> None:
        """Write this image into an array of any dtype."""
        out[:] = self._image

    def measure(self) -> StepTerms:
        """Gap, energies and certificate terms at the current flux."""
        self._image = self.f - self.tau * self.energy.adjoint(self.p)
        return step_terms(self.energy, self.f, self._image, self.p, self.tau)

    def advance(self) -> None:
        """Make the measured image the data of the next step; keep flux and momentum."""
        self.f = self._image

    def coarse_flux(self) -> Array | None:
        """None: this solver has no coarser grids."""
        return None

    def correct(self, energy: float) -> bool:
        """False: this solver has no coarse-grid correction."""
        return False
