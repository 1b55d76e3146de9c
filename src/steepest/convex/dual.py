"""The interface of the solvers of one implicit Euler step."""

import math
from abc import abstractmethod
from collections.abc import Sequence
from typing import Protocol

from ..core.namespace import Array
from .certificate import StepTerms

NO_PAUSE = 1 << 62
RELAXED = 1.9  # factor of over-relaxation of primal-dual iterations
_PAUSE = 1 << 22  # pixels times iterations that array code does in less than a second

Warm = tuple[Array, ...]  # the state from which another dual solver can continue


class Iterative(Protocol):
    """What `solve` needs of a dual problem: an iteration that lowers its energy, and measurements.

    If the gap is near its rounding floor and does not fall for ``patience`` iterations, the solver
    stops. ``chunk`` iterations at least are worth another measurement. A caller who watches is
    asked whether to go on after ``pause`` of them. ``correct`` takes about as long as
    ``correction_cost`` iterations (infinity: there are no corrections).
    """

    patience: int
    chunk: int
    pause: int
    correction_cost: float

    @abstractmethod
    def set_step(self, tau: float, relaxation: float = 1.0) -> None:
        """Set the length ``tau`` of the step; the dual step size is relaxation / (tau ||A||^2)."""

    @abstractmethod
    def restart(self) -> None:
        """Reset the momentum."""

    @abstractmethod
    def iterate(self, betas: Sequence[float]) -> None:
        """Do one iteration for each momentum factor."""

    @abstractmethod
    def measure(self) -> StepTerms:
        """Gap, energies and certificate terms at the current flux."""

    @abstractmethod
    def correct(self, energy: float) -> bool:
        """Correct the flux on coarser grids if that lowers its dual ``energy``; whether it did."""


def pause_of(f: Array) -> int:
    """The ``pause`` of a solver in array code."""
    return max(1, _PAUSE // math.prod(f.shape))


class Dual(Iterative):
    """The dual problem of one implicit Euler step, with an iteration that solves it.

    ``measure`` sets ``image``, and may have written it into ``target``, where nothing else may
    write. `advance` makes it the data of the next step. If the step stands ``alone``, it may be any
    image with a small gap, not only ``f - tau A* p``. ``warm`` is the state, for another solver of
    the same problem. What is defined here is for the state flux and extrapolated flux.
    """

    patience = 400
    chunk = 2
    pause = NO_PAUSE
    correction_cost = math.inf
    target: Array | None = None
    alone = False
    tau: float
    warm: Warm
    _image: Array

    def set_flux(self, p: Array) -> None:
        """Start from a given flux, without momentum."""
        self.warm = (p, p)

    def shrink_flux(self, factor: float) -> None:
        """Multiply the flux by a number in [0, 1] and reset the momentum."""
        self.set_flux(self.flux * factor)

    @abstractmethod
    def advance(self) -> None:
        """Make the measured image the data of the next step; keep flux and momentum."""

    @property
    def flux(self) -> Array:
        """The current flux, (components, channels, \\*space)."""
        return self.warm[0]

    @property
    def image(self) -> Array:
        """``f - tau A* p`` as of the last `measure`, (channels, \\*space)."""
        return self._image

    def write_image(self, out: Array) -> None:
        """Write this image into an array of any dtype."""
        out[:] = self.image

    def coarse_flux(self) -> Array | None:
        """A feasible flux from coarser grids for the present step, or None."""
        return None

    def correct(self, energy: float) -> bool:
        """Correct the flux on coarser grids if that lowers its dual ``energy``; whether it did."""
        return False
