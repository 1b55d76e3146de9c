"""The accelerated dual iteration in plain array code, for NumPy arrays and torch tensors.

It is the reference for tests of the compiled path, the solver for torch tensors (on their own
device), and the solver for every energy without a compiled path.
"""

from collections.abc import Sequence

from ..core.namespace import Array, namespace
from .certificate import StepTerms, step_terms
from .dual import Dual, Warm, pause_of
from .energy import ProximalEnergy


class ReferenceDual(Dual):
    """Dual of ``min_v 1/2||v - f||^2 + tau J(v)``: ``min_p 1/2||f - tau A* p||^2 + tau R(p)``.

    The state is ``f`` (channels, \\*space), the flux ``p`` and the extrapolated flux ``y``
    (components, channels, \\*space). The iteration is

        p+ = prox_{s R} (y + s A(f - tau A* y)),   y+ = p+ + beta (p+ - p).
    """

    def __init__(self, f: Array, energy: ProximalEnergy) -> None:
        self.energy = energy
        self.f = self._image = f
        self.pause = pause_of(f)
        xp = namespace(f)
        self.p = xp.stack([xp.zeros_like(f)] * energy.num_components(f.ndim - 1))
        self.y = self.p
        self._norm = energy.norm_squared(tuple(f.shape[1:]))
        self.set_step(1.0)

    def set_step(self, tau: float, relaxation: float = 1.0) -> None:
        self.tau = tau
        self.step_size = relaxation / (tau * self._norm)

    @property
    def warm(self) -> Warm:
        """The flux and the extrapolated flux."""
        return (self.p, self.y)

    @warm.setter
    def warm(self, arrays: Warm) -> None:
        self.p, self.y = arrays

    def restart(self) -> None:
        self.y = self.p

    def iterate(self, betas: Sequence[float]) -> None:
        energy, step = self.energy, self.step_size
        for beta in betas:
            u = self.f - self.tau * energy.adjoint(self.y)
            q = energy.prox(self.y + step * energy.operator(u), step)
            self.y = q + beta * (q - self.p)
            self.p = q

    def measure(self) -> StepTerms:
        self._image = self.f - self.tau * self.energy.adjoint(self.p)
        return step_terms(self.energy, self.f, self._image, self.p, self.tau)

    def advance(self) -> None:
        self.f = self._image
