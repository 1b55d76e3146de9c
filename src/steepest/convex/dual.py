"""The interface of the solvers of one implicit Euler step."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

from ..core.namespace import Array
from .certificate import StepTerms

NO_PAUSE = 1 << 62
_PAUSE = 1 << 22  # pixels times iterations that array code does in less than a second

Warm = tuple[Array, ...]  # the state from which another dual solver can continue


class Iterative(Protocol):
    """What `solve` needs of a dual problem: an iteration, and measurements.

    ``iterate`` lowers the dual energy. ``measure`` evaluates gap and certificate. If the gap is
    near its rounding floor and does not decrease for ``patience`` iterations, the solver stops
    because of rounding. ``chunk`` is the smallest number of iterations that is worth another
    measurement. A caller who watches is asked after ``pause`` iterations whether to go on, if there
    is no measurement before. ``correct`` takes about as long as ``correction_cost`` iterations
    (infinity: there are no corrections).
    """

    patience: int
    chunk: int
    pause: int
    correction_cost: float

    def set_step(self, tau: float, relaxation: float = 1.0) -> None: ...
    def restart(self) -> None: ...
    def iterate(self, betas: Sequence[float]) -> None: ...
    def measure(self) -> StepTerms: ...
    def correct(self, energy: float) -> bool: ...


def pause_of(f: Array) -> int:
    """The ``pause`` of a solver in array code."""
    return max(1, _PAUSE // math.prod(f.shape))


class Dual(Iterative, Protocol):
    """The dual problem of one implicit Euler step, with an iteration that solves it.

    ``measure`` sets ``image``; ``write_image`` writes that into an array of any dtype. If that is
    ``target``, `measure` may have done it already: nothing else may write there. ``advance``
    makes this image the data of the next step. ``warm`` is the state, which can be assigned to
    another solver for the same image and energy.
    """

    tau: float
    target: Array | None
    warm: Warm

    def set_flux(self, p: Array) -> None: ...
    def shrink_flux(self, factor: float) -> None: ...
    def write_image(self, out: Array) -> None: ...
    def advance(self) -> None: ...
    def coarse_flux(self) -> Array | None: ...
    @property
    def flux(self) -> Array: ...
    @property
    def image(self) -> Array: ...
