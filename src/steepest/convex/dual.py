"""The interface of the solvers of one implicit Euler step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from ..core.namespace import Array
from .certificate import StepTerms

Warm = tuple[Array, ...]  # everything a dual solver needs to go on where another stood


class Dual(Protocol):
    """The dual of one implicit Euler step, and an iteration that solves it.

    ``iterate`` lowers the dual energy; ``measure`` evaluates gap and certificate and sets
    ``image``; ``advance`` makes that image the data of the next step. ``warm`` is the state that
    can be given to another solver for the same image and energy. After ``patience`` iterations
    without progress, rounding is to blame (if the gap is near its floor).
    """

    tau: float
    warm: Warm
    patience: int

    def set_step(self, tau: float, relaxation: float = 1.0) -> None: ...
    def set_flux(self, p: Array) -> None: ...
    def shrink_flux(self, factor: float) -> None: ...
    def restart(self) -> None: ...
    def iterate(self, betas: Sequence[float]) -> None: ...
    def measure(self) -> StepTerms: ...
    def advance(self) -> None: ...
    def coarse_flux(self) -> Array | None: ...
    def correct(self) -> bool: ...
    @property
    def flux(self) -> Array: ...
    @property
    def image(self) -> Array: ...
